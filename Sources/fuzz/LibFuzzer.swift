// LLVM's libFuzzer, linked in by `-sanitize=fuzzer`: it keeps inputs that reach new code and changes them further. The
// flag FUZZ says that it is there.

#if FUZZ
    import Foundation

    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<Int32>,
        _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
        _ read: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32

    @_silgen_name("LLVMFuzzerMutate")
    private func libraryMutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int) -> Int

    enum LibFuzzer {
        // Set once, before libFuzzer, which calls back on the thread that started it.
        nonisolated(unsafe) fileprivate static var target = FuzzTarget.all[0]

        static func run(_ target: FuzzTarget, _ options: [String]) -> Int32 {
            self.target = target
            let words = ["fuzz", "-max_len=\(target.bytesMax)"] + options
            // They live until the program ends.
            let texts = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
            for (place, word) in words.enumerated() { (texts + place).initialize(to: strdup(word)) }
            (texts + words.count).initialize(to: nil)
            var count = Int32(words.count)
            var start = texts
            return runDriver(&count, &start) { bytes, count in
                let input = Array(UnsafeBufferPointer(start: bytes, count: count))
                Watch(LibFuzzer.target).over { LibFuzzer.target.read(input) }
                return 0
            }
        }
    }

    /// Called by libFuzzer in the place of its own changes; half of the time those are made all the same.
    @_cdecl("LLVMFuzzerCustomMutator")
    func libFuzzerMutates(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int, _ seed: UInt32) -> Int {
        guard seed & 1 == 0 else { return libraryMutate(bytes, count, most) }
        var mutator = Mutator(target: LibFuzzer.target, seed: UInt64(seed))
        let changed = mutator.changed(Array(UnsafeBufferPointer(start: bytes, count: count))).prefix(most)
        for (place, byte) in changed.enumerated() { bytes[place] = byte }
        return changed.count
    }
#endif
