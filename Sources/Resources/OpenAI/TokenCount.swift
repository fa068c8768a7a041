import Pipeline

/// How many tokens an API says that an answer cost.
enum TokenCount {
    /// The count of prompt and answer together.
    static let key = "total_tokens"

    /// The number in `usage`; `nil` where it is none that can be: negative, or larger than the column that keeps it. An
    /// answer whose count can't be read is an answer all the same.
    static func total(of usage: [String: JSONValue]?) -> Int? {
        guard case .int(let total) = usage?[key], (0...Int(Int32.max)).contains(total) else { return nil }
        return total
    }
}
