/// Reads YAML files into located trees.
///
/// A file has one document of plain values: no anchors, aliases, merge keys or tags, no key twice. The reader stops at
/// the first value that is too many or too deep, so a hostile file costs no more than its bytes.
public enum YAMLReader {
    /// How much a file may hold. The defaults are far above what people write.
    public struct Limits: Sendable, Hashable {
        /// Bytes of the whole file: 1 MiB.
        public var bytes = SourceFile.sizeLimit

        /// Lists and mappings inside each other: 64.
        public var depth = 64

        /// Scalars, lists and mappings together, keys included: 100,000.
        public var nodes = 100_000

        /// The default limits.
        public init() {}
    }

    /// Reads a file, and reports everything that is wrong with it.
    ///
    /// - Returns: The tree, also where there are errors that leave it usable, such as a duplicate key (whose first
    ///   value stays); `nil` where there is none, always with an error.
    public static func read(
        _ source: SourceFile, limits: Limits = Limits(), into diagnostics: inout Diagnostics
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
        var builder = NodeBuilder(source: source, limits: limits, diagnostics: diagnostics)
        let root = builder.build()
        diagnostics = builder.diagnostics
        return root
    }
}
