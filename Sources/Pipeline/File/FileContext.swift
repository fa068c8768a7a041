/// What the loader knows of the file that it reads, and what it has found in the files which that one uses.
struct FileContext: Sendable {
    /// The stages and resources that files can name.
    let registry: Registry
    /// The variables that they may use.
    var environment: Environment
    /// Top-level keys that belong to others, such as `host`.
    var sections: [String] = []
    /// What is changed of every file before it is built.
    var filter: FileFilter?
    /// What is put around each resource.
    var wrapping: ResourceWrapping?
    /// The resources of the same pipeline as it was before.
    var former: [NamedResource] = []

    /// The files that are being read, each used by the one before.
    var path: [String] = []
    /// Their texts, by path, for the lines of diagnostics.
    var sources: [String: SourceFile] = [:]
    /// What was found in them.
    var diagnostics: [Diagnostic] = []
    /// The resources that they bring along.
    var resources: [NamedResource] = []

    /// How many files may use one another.
    static let depthLimit = 16

    init(registry: Registry = Registry(), environment: Environment = Environment()) {
        (self.registry, self.environment) = (registry, environment)
    }

    /// The tree of a file as it is written, and with stand-ins and the values of variables; `nil` where it has none. The
    /// reader for it knows what is wrong so far.
    func open(_ source: SourceFile) -> (tree: (written: Node, root: Node)?, reader: SettingReader) {
        var diagnostics = Diagnostics(source: source)
        let tree = YAMLReader.read(source, words: PipelineWords.format, into: &diagnostics).map { written in
            let bare = filter?.tree(written, registry) ?? written
            let root = Interpolation.apply(
                to: bare, environment: environment, words: PipelineWords.format, into: &diagnostics)
            return (written, root)
        }
        var reader = SettingReader(diagnostics: diagnostics, resources: [])
        reader.resourceTypes = registry.resources
        reader.context = self
        return (tree, reader)
    }

    /// Takes over what was found while another file was read.
    mutating func take(_ other: FileContext) {
        (sources, diagnostics, resources) = (other.sources, other.diagnostics, other.resources)
    }
}

extension FileContext: StageListReading {
    func steps(_ nodes: [Node], with reader: inout SettingReader) -> [Chain.Step] {
        StageReader.steps(nodes, knowing: registry, with: &reader)
    }
}

extension SettingReader {
    /// What is known of the file that is read.
    var file: FileContext {
        get { context as? FileContext ?? FileContext() }
        set { context = newValue }
    }

    /// Whether anything that was read so far can't be used.
    var hasErrors: Bool {
        diagnostics.hasErrors || file.diagnostics.contains { $0.severity == .error }
    }
}

/// What is changed of a file before it is built, such as its resources where it is tested.
package struct FileFilter: Sendable {
    /// Types of resources that files can name besides.
    let types: [any Resource.Type]
    /// The tree to be read in place of one. It gets the tree before variables are filled in, as those of what it takes
    /// away need not be set.
    let tree: @Sendable (Node, Registry) -> Node

    package init(adding types: [any Resource.Type], tree: @escaping @Sendable (Node, Registry) -> Node) {
        (self.types, self.tree) = (types, tree)
    }
}
