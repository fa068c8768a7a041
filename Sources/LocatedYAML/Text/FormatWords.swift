/// Words of the format that a file has: with them the reader tells what was meant where the YAML itself is wrong.
package struct FormatWords: Sendable {
    /// Keys that may stand beside an entry of a list, below its first line.
    package var besideEntries: [String]

    /// Names that are written in another way than `${NAME}`.
    package var fields: [String]

    /// By default of no format in particular.
    package init(besideEntries: [String] = [], fields: [String] = []) {
        (self.besideEntries, self.fields) = (besideEntries, fields)
    }
}
