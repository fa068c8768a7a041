extension PipelineLoader {
    /// Reads one entry as it stands under `stages:`, and makes a chain of it alone: what it needs of a message is left to
    /// whoever runs it.
    ///
    /// - Returns: The chain; `nil` where there is an error.
    package func loadEntry(
        _ source: SourceFile, resources: [(name: String, resource: any Resource)]
    ) -> (chain: Chain?, diagnostics: [Diagnostic]) {
        let (tree, opened) = context.open(source)
        guard let root = tree?.root else { return (nil, opened.diagnostics.sorted) }
        var reader = opened
        let named = resources.map { NamedResource(name: $0.name, resource: $0.resource) }
        reader.resources = named
        let steps = reader.file.steps([root], with: &reader)
        let found = reader.diagnostics.sorted + reader.file.diagnostics
        if reader.hasErrors || steps.isEmpty { return (nil, found) }
        return (Chain(checked: steps, resources: named, name: "test"), found)
    }
}
