/// A token bucket: full at first, refilled evenly, and never more than full. Whoever has it knows the time.
///
/// As the field knows it from "Token bucket" in Turner, "New directions in communications", IEEE 1986.
package struct TokenBucket: Sendable {
    private var level: Double

    /// A full one.
    package init(capacity: Int) {
        level = Double(capacity)
    }

    /// Takes a token.
    ///
    /// - Parameters:
    ///   - refilled: The tokens that have come since it was last asked.
    ///   - capacity: How many tokens it holds.
    /// - Returns: The part of a token that is missing; `nil` where one was taken.
    package mutating func take(refilled: Double, capacity: Int) -> Double? {
        level = min(Double(capacity), level + refilled)
        // Fractions add up to a little less than what they make.
        guard level >= 1 - 1e-6 else { return 1 - level }
        level -= 1
        return nil
    }
}
