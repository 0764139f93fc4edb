import CKernels
import Testing

@testable import Inference

#if DEBUG
    /// Tiles in plain C against the manual's words (LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TDPBSSD), since kernels that
    /// were held against nothing else than this emulation are only as good as it is. Each thread has its own tiles, so no
    /// test may wait for anything.
    @Suite("Tiles in plain C")
    struct TileTests {
        /// Shapes of some tiles: bytes of a row, rows.
        private func configuration(_ shapes: [(bytes: Int, rows: Int)], palette: UInt8 = 1) -> tk_tile_config {
            var config = tk_tile_config()
            config.palette = palette
            withUnsafeMutableBytes(of: &config) { bytes in
                for (tile, shape) in shapes.enumerated() {
                    bytes.storeBytes(of: UInt16(shape.bytes), toByteOffset: 16 + 2 * tile, as: UInt16.self)
                    bytes[48 + tile] = UInt8(shape.rows)
                }
            }
            return config
        }

        private func configure(_ shapes: [(bytes: Int, rows: Int)], palette: UInt8 = 1) -> Bool {
            withUnsafePointer(to: configuration(shapes, palette: palette)) { tk_emulated_configure($0) }
        }

        /// All 16 rows of 64 bytes.
        private func contents(_ tile: Int32) -> [UInt8] {
            var bytes = [UInt8](repeating: 0xEE, count: 1024)
            tk_emulated_bytes(tile, &bytes)
            return bytes
        }

        private func random(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
            (0..<count).map { _ in .random(in: 0...255, using: &generator) }
        }

        @Test("A configuration is what LDTILECFG reads: 64 bytes")
        func configurationHasTheProcessorsLayout() {
            #expect(MemoryLayout<tk_tile_config>.size == 64)
            #expect(MemoryLayout<tk_tile_config>.offset(of: \.row_bytes) == 16)
            #expect(MemoryLayout<tk_tile_config>.offset(of: \.rows) == 48)
        }

        @Test("A load takes the tile's rows and bytes, a stride apart, and zeroes all that lies outside")
        func loadZeroesOutsideTheShape() {
            defer { tk_emulated_release() }
            var generator = SeededGenerator(seed: 1)
            #expect(configure([(64, 16)]))
            let full = random(1024, &generator)
            #expect(tk_emulated_load(0, full, 64))
            #expect(contents(0) == full)
            #expect(configure([(20, 3)]))
            #expect(tk_emulated_load(0, full, 100))
            var expected = [UInt8](repeating: 0, count: 1024)
            for row in 0..<3 { expected[64 * row..<64 * row + 20] = full[100 * row..<100 * row + 20] }
            #expect(contents(0) == expected)
        }

        @Test("A store writes the tile's rows and bytes and nothing else")
        func storeWritesTheShape() {
            defer { tk_emulated_release() }
            var generator = SeededGenerator(seed: 2)
            let from = random(1024, &generator)
            var to = [UInt8](repeating: 0xEE, count: 1024)
            #expect(configure([(12, 5)]))
            #expect(tk_emulated_load(0, from, 64))
            #expect(tk_emulated_store(0, &to, 40))
            var expected = [UInt8](repeating: 0xEE, count: 1024)
            for row in 0..<5 { expected[40 * row..<40 * row + 12] = from[64 * row..<64 * row + 12] }
            #expect(to == expected)
            #expect(tk_emulated_zero(0))
            #expect(contents(0) == .init(repeating: 0, count: 1024))
        }

        /// Sums of the products of signed bytes, four by four, as TDPBSSD has them.
        private func dot(_ a: [UInt8], _ b: [UInt8], onto sums: [Int32], rows: Int, fours: Int, columns: Int) -> [Int32]
        {
            var sums = sums
            for m in 0..<rows {
                for n in 0..<columns {
                    for k in 0..<4 * fours {
                        let x = Int32(Int8(bitPattern: a[64 * m + k]))
                        let y = Int32(Int8(bitPattern: b[64 * (k / 4) + 4 * n + k % 4]))
                        sums[16 * m + n] &+= x * y
                    }
                }
            }
            return sums
        }

        @Test(
            "A dot product adds products of signed bytes, wraps around, and zeroes all that lies outside",
            arguments: [(16, 16, 16), (16, 8, 16), (7, 4, 16), (1, 1, 3), (16, 4, 1)])
        func dotProducts(rows: Int, fours: Int, columns: Int) {
            defer { tk_emulated_release() }
            var generator = SeededGenerator(seed: 3)
            for extreme in [UInt8?.none, 0x80, 0x7F] {
                let a = extreme.map { [UInt8](repeating: $0, count: 1024) } ?? random(1024, &generator)
                let b = extreme.map { [UInt8](repeating: $0, count: 1024) } ?? random(1024, &generator)
                #expect(configure([(4 * columns, rows), (4 * fours, rows), (4 * columns, fours)]))
                // The greatest sums there are, so that they must wrap around.
                let sums = [Int32](repeating: extreme == nil ? -5 : .max, count: 256)
                _ = sums.withUnsafeBytes { tk_emulated_load(0, $0.baseAddress, 64) }
                #expect(tk_emulated_load(1, a, 64))
                #expect(tk_emulated_load(2, b, 64))
                #expect(tk_emulated_dot(0, 1, 2))
                var expected = dot(a, b, onto: sums, rows: rows, fours: fours, columns: columns)
                for i in 0..<256 where i / 16 >= rows || i % 16 >= columns { expected[i] = 0 }
                let found = contents(0).withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
                #expect(found == expected)
            }
        }

        @Test("What the processor refuses is refused: shapes that do not meet, one tile twice, tiles without a shape")
        func exceptions() {
            defer { tk_emulated_release() }
            let memory = [UInt8](repeating: 0, count: 1024)
            #expect(!tk_emulated_load(0, memory, 64), "nothing is configured")
            #expect(!configure([(64, 17)]))
            #expect(!configure([(65, 16)]))
            #expect(!configure([(64, 0)]))
            #expect(!configure([(0, 16)]))
            #expect(!configure(.init(repeating: (64, 16), count: 9)), "there are eight tiles")
            #expect(!configure([(64, 16)], palette: 2))
            #expect(configure([(64, 16), (32, 16), (64, 8), (64, 7), (60, 8), (32, 15)]))
            #expect(tk_emulated_dot(0, 1, 2))
            #expect(!tk_emulated_dot(0, 1, 3), "a's fours are not b's rows")
            #expect(!tk_emulated_dot(0, 1, 4), "b's columns are not the sums'")
            #expect(!tk_emulated_dot(0, 5, 2), "a's rows are not the sums'")
            #expect(!tk_emulated_dot(0, 0, 2) && !tk_emulated_dot(1, 1, 2) && !tk_emulated_dot(0, 2, 2))
            #expect(!tk_emulated_dot(0, 1, 7) && !tk_emulated_zero(6) && !tk_emulated_zero(8))
            tk_emulated_release()
            #expect(!tk_emulated_zero(0), "released")
        }

        @Test("Tiles are released after a product")
        func tilesAreReleased() {
            #expect(tk_isa_agrees(TK_ISA_TILES_IN_C, TK_ISA_PORTABLE))
            #expect(!tk_emulated_zero(0))
        }

        @Test("Tiles that err by one in one sum do not pass the check that comes before their use")
        func wrongTilesAreFound() {
            tk_emulated_spoil(true)
            defer { tk_emulated_spoil(false) }
            #expect(!tk_isa_agrees(TK_ISA_TILES_IN_C, TK_ISA_PORTABLE))
        }
    }
#endif
