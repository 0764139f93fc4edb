/// Numbers that are the same to the bit on every machine: additions, multiplications and roundings, which IEEE 754
/// fixes. The exponentials and logarithms of different C libraries differ in the last bit.
enum SamplerNumbers {
    typealias Lanes = SIMD8<Double>

    /// A number in 0..<1 for each seed and position: two rounds of SplitMix64's finaliser (Steele, Lea, Flood 2014).
    static func uniform(seed: UInt64, position: Int) -> Double {
        func mixed(_ input: UInt64) -> UInt64 {
            var word = input
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
        let place = UInt64(bitPattern: Int64(position)) &* 0x9E37_79B9_7F4A_7C15
        let word = mixed(mixed(seed &+ 0x9E37_79B9_7F4A_7C15) &+ place)
        return Double(word >> 11) * 0x1p-53
    }

    static let lowestExponent = 708.0

    /// e^x for x up to 0, within 2 units in the last place; 0 below -708, where results would be subnormal, and for
    /// NaN.
    static func exponential(_ x: Double) -> Double {
        exponential(Lanes(repeating: x))[0]
    }

    /// x = n ln 2 + r with |r| up to half of ln 2, e^r by its series to the 13th power, scaled by 2^n.
    static func exponential(_ x: Lanes) -> Lanes {
        let isCounted = x .> -lowestExponent
        let x = x.replacing(with: 0, where: .!isCounted)
        // Adding 1.5 * 2^52 rounds to a whole number, ties to even, and leaves it in the low bits.
        let shifted = x * 0x1.71547652b82fep+0 + 0x1.8p52
        let n = shifted - 0x1.8p52
        // ln 2 in two parts; the first has so few digits that its product with n is exact.
        let r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33
        var series = Lanes(repeating: 1.0 / 6_227_020_800)
        series = series * r + 1.0 / 479_001_600
        series = series * r + 1.0 / 39_916_800
        series = series * r + 1.0 / 3_628_800
        series = series * r + 1.0 / 362_880
        series = series * r + 1.0 / 40_320
        series = series * r + 1.0 / 5_040
        series = series * r + 1.0 / 720
        series = series * r + 1.0 / 120
        series = series * r + 1.0 / 24
        series = series * r + 1.0 / 6
        series = series * r + 0.5
        series = series * r + 1
        series = series * r + 1
        let bits = (SIMD8<UInt64>(bitPatternsOf: shifted) &+ 1023) &<< 52
        return (series * Lanes(bitPatterns: bits)).replacing(with: 0, where: .!isCounted)
    }

    /// ln x for finite x above 0: x = m 2^n with m around 1, ln m = 2 artanh((m - 1) / (m + 1)) by its series.
    static func logarithm(_ x: Double) -> Double {
        var (m, n) = (x.significand, Double(x.exponent))
        if m > 1.414 {
            m /= 2
            n += 1
        }
        let t = (m - 1) / (m + 1)
        let square = t * t
        var series = 0.0
        for power in stride(from: 21, through: 1, by: -2) { series = series * square + 1 / Double(power) }
        return n * 0x1.62e42fefa39efp-1 + 2 * t * series
    }
}

extension SIMD8<UInt64> {
    fileprivate init(bitPatternsOf lanes: SIMD8<Double>) {
        self = unsafeBitCast(lanes, to: SIMD8<UInt64>.self)
    }
}

extension SIMD8<Double> {
    fileprivate init(bitPatterns: SIMD8<UInt64>) {
        self = unsafeBitCast(bitPatterns, to: SIMD8<Double>.self)
    }
}
