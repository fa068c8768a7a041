/// Reads the stages of a file for ``Use``.
struct UsedFile {
    let use: Use
    /// Where the file is named.
    let place: SourceRange
    /// Where each of the values is, by name.
    let parameterPlaces: [String: SourceRange]
    /// The place of the stage that uses it.
    let stagePlace: SourceRange

    /// Whether a variable is part of the path; variables' values are never shown, and paths are.
    private let isPathInterpolated: Bool

    init(_ use: Use, at stagePlace: SourceRange, written settings: Node?) {
        isPathInterpolated = settings?["file"]?.scalar?.isInterpolated ?? false
        self.use = use
        self.stagePlace = stagePlace
        place = settings?["file"]?.range ?? stagePlace
        let parameters = settings?["with"]?.entries ?? []
        parameterPlaces = Dictionary(parameters.map { ($0.name, $0.key.range) }) { first, _ in first }
    }

    /// The stages with the tree of the file; `nil` where they can't be known. What is wrong inside is reported there.
    func read(with reader: inout SettingReader) -> (steps: [Chain.Step], root: Node)? {
        if isPathInterpolated {
            reader.diagnostics.error(
                .badValue, at: place, "the file that is used must be written out, without variables")
            return nil
        }
        let path = FilePaths.path(use.file, besides: reader.diagnostics.source.path)
        guard mayOpen(path, with: &reader) else { return nil }
        let source: SourceFile
        switch SourceFile.load(path: path) {
        case .success(let loaded): source = loaded
        case .failure(let failure):
            reader.diagnostics.error(failure.code, at: place, "'\(path)' can't be used: \(failure.message)")
            return nil
        }
        reader.file.sources[path] = source
        guard source.looksLikePipeline else {
            reader.diagnostics.error(
                .notAPipeline, at: place, "'\(path)' is no pipeline file: it has no line that begins with 'stages:'")
            return nil
        }
        var file = reader.file
        file.environment = file.environment.overlaid(by: use.with.mapValues(\.text))
        file.path.append(path)
        let (tree, opened) = file.open(source)
        guard let (written, root) = tree else {
            reader.file.diagnostics += opened.diagnostics.sorted
            return nil
        }
        checkParameters(against: written, with: &reader)
        var inner = opened
        (inner.resources, inner.brokenResources) = (reader.resources, reader.brokenResources)
        (inner.resourcesAreKnown, inner.lacksResources) = (reader.resourcesAreKnown, reader.lacksResources)
        inner.secretFiles = reader.secretFiles
        let steps = steps(of: root, with: &inner)
        reader.secretFiles = inner.secretFiles
        reader.file.take(inner.file)
        // A file that is used twice says what is wrong with it once.
        let known = reader.file.diagnostics
        reader.file.diagnostics += inner.diagnostics.sorted.filter { !known.contains($0) }
        guard let steps, inner.stagesAreKnown else { return nil }
        return (steps.map { $0.used(from: path, at: stagePlace) }, root)
    }

    private func mayOpen(_ path: String, with reader: inout SettingReader) -> Bool {
        let open = reader.file.path
        if let start = open.firstIndex(of: path) {
            let circle = (open[start...] + [path]).map { "'\($0)'" }.joined(separator: " uses ")
            reader.diagnostics.error(.cycle, at: place, "a file can't use itself: \(circle)")
            return false
        }
        if open.count > FileContext.depthLimit {
            reader.diagnostics.error(
                .cycle, at: place, "more than \(FileContext.depthLimit) files that use one another")
            return false
        }
        return true
    }

    /// A value that nothing in the file asks for is a mistake, most often in its name.
    private func checkParameters(against root: Node, with reader: inout SettingReader) {
        let asked = root.variableNames
        for (name, place) in parameterPlaces.sorted(by: { $0.value.start < $1.value.start })
        where !asked.contains(name) {
            reader.diagnostics.error(
                .unknownParameter, at: place, "'\(use.file)' has no variable '${\(name)}'",
                suggestion: Spelling.nearest(to: name, among: asked.sorted()))
        }
    }

    private func steps(of root: Node, with reader: inout SettingReader) -> [Chain.Step]? {
        guard let entries = root.entries else {
            reader.diagnostics.error(
                .notAPipeline, at: root.range, "a pipeline file is a mapping with 'stages', not \(root.nature)")
            return nil
        }
        PipelineLoader.reportUnknownKeys(of: entries, sections: reader.file.sections, with: &reader)
        let outer = (reader.resourcesAreKnown, reader.lacksResources)
        if let node = root["resources"], !node.isNull {
            (reader.resourcesAreKnown, reader.lacksResources) = (true, false)
            readResources(node, with: &reader)
        }
        defer { (reader.resourcesAreKnown, reader.lacksResources) = outer }
        guard let elements = root["stages"]?.elements, !elements.isEmpty else {
            let place = root["stages"]?.range ?? entries.first?.key.range ?? root.range
            reader.diagnostics.error(.missingKey, at: place, "the file needs a list of stages under the key 'stages'")
            return nil
        }
        let steps = reader.file.steps(elements, with: &reader)
        let isEntry = steps.first.map { $0.isEntry } ?? false
        guard !isEntry || steps.count > 1 || !reader.stagesAreKnown else {
            reader.diagnostics.error(
                .missingKey, at: elements[0].range, "the file has no stage after '\(steps[0].name)'")
            return nil
        }
        return Array(isEntry ? steps.dropFirst() : steps[...])
    }

    /// The file's stages see what its own section names; of two resources with one name that of the using file is taken.
    private func readResources(_ node: Node, with reader: inout SettingReader) {
        let outer = reader.resources
        let section = ResourceSection(reader.file)
        reader.resources = []
        let own = section.read(node, with: &reader)
        var visible: [NamedResource] = []
        for resource in own {
            if let given = outer.first(where: { $0.name == resource.name }) {
                visible.append(given)
            } else if let known = reader.file.resources.first(where: { $0.name == resource.name }) {
                visible.append(known)
                let isSame = resource.source.map { known.source?.says(theSameAs: $0) ?? false } ?? false
                if !isSame, let key = node.entries?.first(where: { $0.name == resource.name })?.key {
                    reader.diagnostics.error(
                        .clash, at: key.range, "another file that is used has another resource '\(resource.name)'")
                }
            } else {
                visible.append(resource)
                reader.file.resources.append(resource)
            }
        }
        reader.resources = visible
    }
}

extension Chain.Step {
    /// The step as it is part of the file that uses its own: what is wrong with its wiring is wrong there.
    fileprivate func used(from path: String, at place: SourceRange) -> Chain.Step {
        var copy = self
        copy.origin = origin ?? " (\(path)" + (self.place.map { ", line \($0.start.line))" } ?? ")")
        copy.place = place
        copy.fieldUses = fieldUses.map { $0.used(at: place) }
        if var composite = copy.composite {
            composite.branches = composite.branches.map { branch in
                Chain.StageList(branch.steps.map { $0.used(from: path, at: place) })
            }
            copy.stage = composite
        }
        if case .run(let steps) = modifiers.onError {
            copy.modifiers.onError = .run(steps.map { $0.used(from: path, at: place) })
        }
        return copy
    }
}

extension DiagnosticCode {
    /// Files that use one another in a circle.
    public static let cycle = DiagnosticCode(rawValue: "cycle")
    /// A value for a variable that the used file doesn't have.
    public static let unknownParameter = DiagnosticCode(rawValue: "unknown_parameter")
    /// Two files that are used or served together claim the same.
    public static let clash = DiagnosticCode(rawValue: "clash")
}
