import CKernels

/// Keys and values of the positions that one sequence has taken through the layers of one range of blocks.
///
/// Kept in single precision, in pages of 64 positions of all those layers, taken as the sequence grows.
public final class KeyValueCache {
    /// The blocks that this cache serves; only those of them that are layers take memory.
    public let blocks: ClosedRange<Int>
    /// How many positions it may come to hold.
    public let contextLength: Int
    /// How many positions it holds: the next to be computed.
    public internal(set) var length = 0

    private let pageBytes: Int
    private let table: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>?>
    private var pageCount = 0
    private static let pagePositions = Int(TK_PAGE_POSITIONS)

    init(blocks: ClosedRange<Int>, layerCount: Int, layerBytesPerPage: Int, contextLength: Int) {
        self.blocks = blocks
        self.contextLength = contextLength
        pageBytes = layerCount * layerBytesPerPage
        let pages = (contextLength + Self.pagePositions - 1) / Self.pagePositions
        table = .allocate(capacity: pages)
        table.initialize(repeating: nil)
    }

    deinit {
        releasePages(after: 0)
        table.deallocate()
    }

    /// Bytes that the cache takes now.
    public var bytes: Int { pageCount * pageBytes }

    /// Forgets all positions from `length` on. A length that the cache does not have changes nothing.
    public func truncate(to length: Int) {
        guard length >= 0, length < self.length else { return }
        self.length = length
        releasePages(after: length)
    }

    /// Forgets everything and gives its memory back.
    public func reset() {
        length = 0
        releasePages(after: 0)
    }

    /// Makes room for positions up to, not including, `end`.
    func reserve(positions end: Int) throws {
        guard pageBytes > 0 else { return }
        while pageCount * Self.pagePositions < end {
            guard let page = tk_memory_allocate(pageBytes) else { throw EngineError.outOfMemory(bytes: pageBytes) }
            table[pageCount] = page.bindMemory(to: Float.self, capacity: pageBytes / 4)
            pageCount += 1
        }
    }

    private func releasePages(after positions: Int) {
        let needed = (positions + Self.pagePositions - 1) / Self.pagePositions
        while pageCount > needed {
            pageCount -= 1
            tk_memory_free(table[pageCount], pageBytes)
            table[pageCount] = nil
        }
    }

    /// The pages, for as long as this cache lives and does not grow or shrink.
    var view: tk_cache { tk_cache(pages: UnsafePointer(table.baseAddress!)) }
}
