/// Names of tables that need no quotes in any database.
public enum TableName {
    /// What is wrong with a name, as the end of a sentence; `nil` where nothing is. For the setting's `problem`. PostgreSQL
    /// cuts names after 63 bytes.
    public static let problem: @Sendable (String) -> String? = { table in
        let isPlain = table.utf8.allSatisfy {
            $0 == UInt8(ascii: "_") || Character(Unicode.Scalar($0)).isLetter || Character(Unicode.Scalar($0)).isNumber
        }
        let startsWell = table.first.map { !$0.isNumber } ?? false
        return table.utf8.count <= 63 && table.allSatisfy(\.isASCII) && isPlain && startsWell
            ? nil : "must be a name of letters, digits and underscores"
    }
}
