/// Reads pipeline files, checks them whole, and builds them.
package struct PipelineLoader: Sendable {
    let registry: Registry
    let environment: Environment
    private let sections: [String: any SettingValue.Type]
    private let filter: FileFilter?
    private let wrapping: ResourceWrapping?

    /// A loader for files with these stages and resources.
    ///
    /// - Parameters:
    ///   - registry: The stages and resources.
    ///   - environment: The variables.
    ///   - sections: Top-level keys that belong to others, such as `host`, and the settings they have.
    package init(registry: Registry, environment: Environment, sections: [String: any SettingValue.Type] = [:]) {
        self.init(registry: registry, environment: environment, sections: sections, filter: nil)
    }

    /// - Parameters:
    ///   - filter: What is changed of every file before it is built.
    ///   - wrapping: What is put around each resource, to see what it does.
    package init(
        registry: Registry, environment: Environment, sections: [String: any SettingValue.Type] = [:],
        filter: FileFilter?, wrapping: ResourceWrapping? = nil
    ) {
        self.registry = filter.map { registry.adding($0.types) } ?? registry
        self.environment = environment
        self.sections = sections
        self.filter = filter
        self.wrapping = wrapping
    }

    /// Reads the file at a path. Never throws: what is wrong is in the diagnostics.
    ///
    /// - Parameters:
    ///   - path: Where it is.
    ///   - former: The file as it was read before, where it is read again: resources of which it says nothing new go on.
    package func load(path: String, after former: PipelineFile? = nil) -> LoadedPipeline {
        switch SourceFile.load(path: path) {
        case .success(let source): load(source, after: former)
        case .failure(let diagnostic): LoadedPipeline(file: nil, diagnostics: [diagnostic], source: nil)
        }
    }

    /// Reads a text.
    package func load(_ source: SourceFile, after former: PipelineFile? = nil) -> LoadedPipeline {
        var context = context
        context.path = [FilePaths.path(source.path, besides: "")]
        context.former = former?.chain.resources ?? []
        let (tree, opened) = context.open(source)
        guard let root = tree?.root else {
            return LoadedPipeline(file: nil, diagnostics: opened.diagnostics.sorted, source: source)
        }
        guard root.scalar == nil || source.looksLikePipeline else {
            let problem = Diagnostic(
                severity: .error, code: .notAPipeline,
                message: "a pipeline file is a mapping with 'pipeline', 'resources' and 'stages', not a text",
                path: source.path, range: SourceRange(at: .start))
            // Without the source no line of it is shown.
            return LoadedPipeline(file: nil, diagnostics: [problem], source: nil)
        }
        var reader = opened
        reader.secretFiles.former = former?.secretFiles.texts ?? [:]
        let file = read(root, path: source.path, with: &reader)
        return LoadedPipeline(
            file: reader.hasErrors ? nil : file, diagnostics: reader.diagnostics.sorted + reader.file.diagnostics,
            source: source, usedSources: reader.file.sources)
    }

    /// The tree of a file that is no pipeline, with the values of variables, and a reader for it, which knows what is wrong
    /// so far; no tree where there is none.
    package func open(_ source: SourceFile) -> (root: Node?, reader: SettingReader) {
        let (tree, reader) = context.open(source)
        return (tree?.root, reader)
    }

    /// What is known of a file before it is read.
    var context: FileContext {
        var context = FileContext(registry: registry, environment: environment)
        context.filter = filter
        context.wrapping = wrapping
        // Those of the pipeline itself, `tests`, before those of who serves it, `host`.
        context.sections = sections.keys.sorted(by: >)
        return context
    }

    private func read(_ root: Node, path: String, with reader: inout SettingReader) -> PipelineFile? {
        guard let entries = root.entries else {
            reader.diagnostics.error(
                .notAPipeline, at: root.range,
                "a pipeline file is a mapping with 'pipeline', 'resources' and 'stages', not \(root.nature)"
                    + (root.elements == nil ? "" : "; write 'stages:' above the list"))
            return nil
        }
        PipelineLoader.reportUnknownKeys(of: entries, sections: reader.file.sections, with: &reader)
        let name = root["pipeline"].flatMap { node in
            reader.with(subject: "'pipeline'") { readName(node, with: &$0) }
        }
        let description = root["description"].flatMap { node in
            reader.with(subject: "'description'") { String.read(node, with: &$0) }
        }
        let resources = ResourceSection(reader.file).read(root["resources"], with: &reader)
        reader.resources = resources
        let steps = StageSection(registry: registry).read(root, with: &reader)
        let sections = readSections(of: root, with: &reader)
        requireKeys(of: root, with: &reader)
        guard let name, let steps else { return nil }
        return PipelineFile(
            path: path, name: name, description: description,
            usedPaths: reader.file.sources.keys.sorted(),
            chain: Chain(
                checked: filter == nil ? steps : steps.map(\.withoutDeadLetters),
                resources: resources + reader.file.resources, name: name), sections: sections,
            sectionPlaces: places(of: sections.keys, in: entries),
            sectionNodes: Dictionary(
                uniqueKeysWithValues: sections.keys.compactMap { key in
                    root[key].map { (key, $0.filled(with: reader.secretFiles)) }
                }), secretFiles: reader.secretFiles)
    }

    /// Keys that a file may have, and those of them that it does not have.
    private static func keys(
        of entries: [Node.Entry], _ sections: [String]
    ) -> (known: [String], names: Set<String>, free: [String]) {
        let known = ["pipeline", "description", "resources", "stages"] + sections
        let names = Set(entries.map(\.name))
        return (known, names, known.filter { !names.contains($0) })
    }

    /// The key that one was meant to be: by its spelling any, by its meaning one that the file does not have.
    private static func meaning(of key: String, among known: [String], free: [String]) -> String? {
        advice[Synonyms.plain(key)] == nil
            ? Spelling.nearest(to: key, among: known) ?? Synonyms.meant(by: key, among: free) : nil
    }

    /// What to do about keys of other programs' files.
    private static let advice = [
        "version": "take it away",
        "environment": "variables come from the environment of 'stagecoach' and from the file .env",
        "env": "variables come from the environment of 'stagecoach' and from the file .env",
        "env_file": "it is an option, '--env-file FILE'",
        "variables": "variables come from the environment of 'stagecoach' and from the file .env",
        "port": "it is an option, 'serve FILE --port 8000'",
        "log_level": "it is a variable of the environment, LOG_LEVEL=debug",
        "logging": "it is a variable of the environment, LOG_LEVEL=debug",
        "include": "the stage 'use' runs the stages of another file",
        "imports": "the stage 'use' runs the stages of another file",
        "auth": "write it inside 'host', as in host: {auth: {keys: […]}}",
        "limits": "write it inside 'host', as in host: {limits: {…}}",
        "origins": "write it inside 'host', as in host: {origins: […]}",
        "tls": "write it inside 'host', as in host: {tls: {…}}",
        "cors": "write it inside 'host', as in host: {origins: […]}",
        "model": "write it inside 'resources', as in resources: {model: {openai: {…}}}",
        "database": "write it inside 'resources', as in resources: {database: {sqlite: {…}}}",
    ]

    /// Reports the top-level keys that pipeline files don't have.
    static func reportUnknownKeys(
        of entries: [Node.Entry], sections: [String], with reader: inout SettingReader
    ) {
        let (known, _, free) = keys(of: entries, sections)
        for entry in entries {
            guard let key = entry.key.scalar?.text, !known.contains(key) else { continue }
            let meant = meaning(of: key, among: known, free: free)
            let hint =
                ForeignMarks.problem(of: key).map { ": \($0)" } ?? advice[Synonyms.plain(key)].map { ": \($0)" }
                ?? (meant == nil ? "; there are: \(known.joined(separator: ", "))" : "")
            reader.diagnostics.error(
                .unknownKey, at: entry.key.range, "unknown key '\(key)' of a pipeline file\(hint)",
                suggestion: hint.isEmpty ? meant : nil)
            if meant == "resources" { reader.resourcesAreKnown = false }
        }
    }

    private func readName(_ node: Node, with reader: inout SettingReader) -> String? {
        guard let name = String.read(node, with: &reader) else { return nil }
        guard name.allSatisfy({ !$0.isNewline && !$0.isWhitespace }), !name.isEmpty else {
            let cure = Synonyms.plain(name.replacing("_", with: "-")).replacing("_", with: "-")
            reader.diagnostics.error(
                .badValue, at: node.range,
                "'pipeline' must be a name without spaces"
                    + (node.scalar?.isInterpolated == true || name.isEmpty || name.contains(where: \.isNewline)
                        ? "" : "; write \(cure)"))
            return nil
        }
        if let last = name.last, last == "," || last == ";", node.scalar?.style == .plain {
            reader.diagnostics.error(
                .badValue, at: node.range, "the '\(last)' is part of the name: write \(name.dropLast())")
            return nil
        }
        return name
    }

    private func requireKeys(of root: Node, with reader: inout SettingReader) {
        let (known, names, free) = PipelineLoader.keys(of: root.entries ?? [], reader.file.sections)
        for key in ["pipeline", "stages"] where root[key] == nil {
            // What is written wrong is not missing as well.
            let isMeant = names.contains { name in
                !known.contains(name)
                    && PipelineLoader.meaning(of: name, among: known, free: free) == key
            }
            if isMeant { continue }
            let place = root.entries?.first?.key.range ?? root.range
            reader.diagnostics.error(.missingKey, at: place, "the file needs the key '\(key)'")
        }
    }

    private func places(
        of keys: some Collection<String>, in entries: [Node.Entry]
    ) -> [String: SourceRange] {
        Dictionary(entries.filter { keys.contains($0.name) }.map { ($0.name, $0.key.range) }) { first, _ in first }
    }

    private func readSections(
        of root: Node, with reader: inout SettingReader
    ) -> [String: any SettingValue] {
        var result: [String: any SettingValue] = [:]
        for (key, type) in sections {
            guard let node = root[key], !node.isNull else { continue }
            result[key] = reader.with(subject: "'\(key)'") { type.read(node, with: &$0) }
        }
        return result
    }
}

extension DiagnosticCode {
    /// The file is no mapping.
    public static let notAPipeline = DiagnosticCode(rawValue: "not_a_pipeline")
    /// A top-level key that pipeline files don't have.
    public static let unknownKey = DiagnosticCode(rawValue: "unknown_key")
    /// A top-level key that is missing.
    public static let missingKey = DiagnosticCode(rawValue: "missing_key")
}
