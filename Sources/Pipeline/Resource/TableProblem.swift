/// What is wrong with a database's table, and what to do about it. It stops the host.
public struct TableProblem: Error, CustomStringConvertible {
    /// Each thing that is wrong, in a sentence with what to do.
    public let problems: [String]

    /// All of it, one problem a line.
    public var description: String { problems.joined(separator: "\n") }

    /// What is wrong; `nil` where nothing is.
    public init?(_ problems: [String]) {
        if problems.isEmpty { return nil }
        self.problems = problems
    }
}
