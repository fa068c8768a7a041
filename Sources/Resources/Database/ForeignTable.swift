/// A table that another program keeps for something else: no column of it has what is said.
enum ForeignTable {
    private static let columns = ["session_id", "prompt", "response"]

    /// What to do about it; `nil` for a table that has one of these columns.
    ///
    /// - Parameter isMissing: Whether the table has no column of a name.
    static func problem(_ table: String, isMissing: (String) -> Bool) -> String? {
        columns.allSatisfy(isMissing)
            ? "the table '\(table)' has no column 'session_id', 'prompt' or 'response', so it seems to be another program's; "
                + "name another table with persist: {table: …}" : nil
    }
}
