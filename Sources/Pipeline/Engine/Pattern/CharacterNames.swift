import Synchronization

/// The names of many characters that RE2 knows, `\p{Greek}` and `[:alpha:]`. Looking at one is compiling it, which is
/// done once, not for each time an expression has it.
enum CharacterNames {
    private static let known = Mutex<[String: Bool]>([:])

    /// Whether the underscore is one of the characters; `nil` for a name that RE2 does not know.
    ///
    /// - Parameter name: As it stands in brackets.
    static func holdsUnderscore(_ name: String) -> Bool? {
        if let answer = known.withLock({ $0[name] }) { return answer }
        guard let program = try? PatternProgram("[\(name)]") else { return nil }
        var underscore = "_"
        let answer = underscore.withUTF8(program.matches)
        // There are some hundred good ones, so that this has a bound.
        known.withLock { $0[name] = answer }
        return answer
    }
}
