extension Chain {
    /// Why a regular expression is refused.
    public struct PatternProblem: Error, Sendable, Hashable, CustomStringConvertible {
        /// What is wrong, as it stands after the setting's name: `has a look-ahead, '(?='; …`. It has nothing of the
        /// expression but the names of constructs: that may hold secrets.
        public let description: String

        /// Where in the expression, counted in Unicode scalars; `nil` where it is about the whole.
        public let range: Range<Int>?

        init(_ description: String, at range: Range<Int>? = nil) {
            self.description = description
            self.range = range
        }

        /// A construct that other engines have.
        init(_ construct: PatternConstruct, at range: Range<Int>) {
            let hint = construct.hint.map { "; \($0)" } ?? ""
            self.init("has \(construct.name), which RE2 does not support\(hint)", at: range)
        }
    }
}
