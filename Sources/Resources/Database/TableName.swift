/// Names of tables that need no quotes in any database.
package enum TableName {
    /// What is wrong with a name; `nil` where nothing is. PostgreSQL cuts names after 63 bytes.
    package static let problem: @Sendable (String) -> String? = { table in
        let isPlain = table.utf8.allSatisfy {
            $0 == UInt8(ascii: "_") || Character(Unicode.Scalar($0)).isLetter || Character(Unicode.Scalar($0)).isNumber
        }
        let startsWell = table.first.map { !$0.isNumber } ?? false
        return table.utf8.count <= 63 && table.allSatisfy(\.isASCII) && isPlain && startsWell
            ? nil : "must be a name of letters, digits and underscores"
    }
}
