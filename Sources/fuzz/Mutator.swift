import Wire

/// Changes that know how an input is built: a field deep inside a message is changed and all lengths around it are set
/// right, so that the change is seen by the code that reads that field and not refused by whoever counts the bytes.
struct Mutator {
    private let target: FuzzTarget
    private var random: SeededGenerator

    init(target: FuzzTarget, seed: UInt64) {
        self.target = target
        random = SeededGenerator(seed: seed)
    }

    mutating func changed(_ input: [UInt8]) -> [UInt8] {
        switch target.form {
        case .protobuf:
            return below(8) == 0 ? spoiled(input) : changedMessage(input, depth: 0)
        case .protobufBehind(let bytes):
            guard input.count >= bytes, below(8) > 0 else { return spoiled(input) }
            return input.prefix(bytes) + changedMessage(Array(input.dropFirst(bytes)), depth: 0)
        case .text:
            return below(3) == 0 ? spoiled(input) : changedText(input)
        case .binary:
            return below(3) == 0 ? changedNumber(input) : spoiled(input)
        }
    }

    // MARK: Messages

    private mutating func changedMessage(_ bytes: [UInt8], depth: Int) -> [UInt8] {
        guard var fields = ProtobufField.fields(of: bytes), !fields.isEmpty else { return spoiled(bytes) }
        let place = below(fields.count)
        switch below(10) {
        case 0: fields.remove(at: place)
        case 1: fields.insert(fields[place], at: below(fields.count + 1))
        case 2: fields.swapAt(place, below(fields.count))
        case 3: fields[place].number = UInt64(1 + below(20))
        case 4:
            // Many of what is one of: limits on counts.
            fields.insert(contentsOf: Array(repeating: fields[place], count: 1 << below(9)), at: place)
        default:
            switch fields[place].value {
            case .varint: fields[place].value = .varint(number())
            case .fixed(let bytes): fields[place].value = .fixed(bytes.map { _ in UInt8(below(256)) })
            case .bytes(let bytes):
                let goesDeeper = depth < 12 && below(6) > 0 && ProtobufField.fields(of: bytes) != nil
                fields[place].value = .bytes(
                    goesDeeper ? changedMessage(bytes, depth: depth + 1) : changedLength(spoiled(bytes)))
            }
        }
        return fields.flatMap(\.encoded)
    }

    // MARK: Texts

    private mutating func changedText(_ bytes: [UInt8]) -> [UInt8] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        let line = below(lines.count)
        switch below(7) {
        case 0: lines.remove(at: line)
        case 1: lines.insert(lines[line], at: below(lines.count + 1))
        case 2: lines.swapAt(line, below(lines.count))
        case 3:
            // One number is exchanged for another.
            let digits = lines[line].indices.filter { (0x30...0x39).contains(lines[line][$0]) }
            guard !digits.isEmpty else { return spoiled(bytes) }
            let start = digits[below(digits.count)]
            let end = lines[line][start...].firstIndex { !(0x30...0x39).contains($0) } ?? lines[line].endIndex
            lines[line].replaceSubrange(start..<end, with: Array("\(number())".utf8))
        default:
            guard !target.words.isEmpty else { return spoiled(bytes) }
            let word = Array(target.words[below(target.words.count)].utf8)
            let start = below(lines[line].count + 1)
            let end = below(3) == 0 ? start + below(lines[line].count - start + 1) : start
            lines[line].replaceSubrange(start..<end, with: word)
        }
        return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }

    // MARK: Bytes

    /// A number of four or eight bytes, such as a count or an offset, becomes another.
    private mutating func changedNumber(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 8 else { return spoiled(bytes) }
        var bytes = bytes
        let width = below(2) == 0 ? 4 : 8
        let place = below(bytes.count - width + 1)
        let value = number()
        for byte in 0..<width { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
        return bytes
    }

    private mutating func spoiled(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return (0..<below(64)).map { _ in UInt8(below(256)) } }
        var bytes = bytes
        switch below(6) {
        case 0: bytes.removeLast(1 + below(bytes.count))
        case 1: bytes += (0..<(1 + below(16))).map { _ in UInt8(below(256)) }
        case 2:
            // The largest numbers are where arithmetic breaks.
            let place = below(bytes.count)
            bytes.replaceSubrange(place..<place, with: [UInt8](repeating: 0xff, count: 9) + [1])
        case 3:
            let start = below(bytes.count)
            let part = bytes[start..<(start + 1 + below(bytes.count - start))]
            bytes.insert(contentsOf: part, at: below(bytes.count + 1))
        case 4:
            let start = below(bytes.count)
            bytes.removeSubrange(start..<(start + 1 + below(min(32, bytes.count - start))))
        default:
            for _ in 0...below(3) { bytes[below(bytes.count)] ^= UInt8(1 << below(8)) }
        }
        return bytes
    }

    /// Longer than any limit on texts and lists, sometimes.
    private mutating func changedLength(_ bytes: [UInt8]) -> [UInt8] {
        guard below(8) == 0, !bytes.isEmpty else { return bytes }
        let count = 1 << below(12)
        return (0..<count).map { bytes[$0 % bytes.count] }
    }

    private mutating func number() -> UInt64 {
        switch below(6) {
        case 0: UInt64(below(4))
        case 1: UInt64.max - UInt64(below(3))
        case 2: UInt64(1) << UInt64(below(64))
        case 3: (UInt64(1) << UInt64(below(64))) &- 1
        case 4: Limits.counter &+ UInt64(below(3)) &- 1
        default: random.next() >> UInt64(below(64))
        }
    }

    private mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(random.next() % UInt64(bound)) }
}
