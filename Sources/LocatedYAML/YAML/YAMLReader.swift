/// Reads YAML files into located trees.
///
/// A file has one document of plain values: no anchors, aliases, merge keys or tags, no key twice. The reader stops at
/// the first value that is too many or too deep, so a hostile file costs no more than its bytes.
package enum YAMLReader {
    /// How much a file may hold. The defaults are far above what people write.
    package struct Limits: Sendable, Hashable {
        /// Bytes of the whole file: 1 MiB.
        package var bytes = SourceFile.sizeLimit

        /// Lists and mappings inside each other: 64.
        package var depth = 64

        /// Scalars, lists and mappings together, keys included: 100,000.
        package var nodes = 100_000

        /// The default limits.
        package init() {}
    }

    /// Reads a file, and reports everything that is wrong with it.
    ///
    /// - Parameters:
    ///   - source: The file.
    ///   - limits: How much it may hold.
    ///   - words: The words of its format.
    ///   - diagnostics: Where problems go.
    /// - Returns: The tree, also where there are errors that leave it usable, such as a duplicate key (whose first
    ///   value stays); `nil` where there is none, always with an error.
    package static func read(
        _ source: SourceFile, limits: Limits = Limits(), words: FormatWords = FormatWords(),
        into diagnostics: inout Diagnostics
    ) -> Node? {
        guard source.text.utf8.count <= limits.bytes else {
            diagnostics.error(
                .yamlTooLarge, at: SourceRange(at: .start),
                "the file is larger than \(limits.bytes) bytes, the most that is read")
            return nil
        }
        if let refusal = SourceCheck.refusal(of: source) {
            diagnostics.error(refusal.code, at: refusal.range, refusal.message)
            return nil
        }
        var builder = NodeBuilder(source: source, limits: limits, words: words, diagnostics: diagnostics)
        let root = builder.build()
        diagnostics = builder.diagnostics
        return root
    }
}
