/// A pipeline file that was read and found good: its name and the chain it builds.
package struct PipelineFile: Sendable {
    /// Where it was read from.
    package let path: String

    /// Its `pipeline:`.
    package let name: String

    /// Its `description:`, if it has one.
    package let description: String?

    /// The other files that it uses, by path.
    package let usedPaths: [String]

    /// The files that hold its secrets (`{file: PATH}`).
    package var secretPaths: [String] { secretFiles.texts.keys.sorted() }

    /// What its `resources:` and `stages:` build; not opened yet.
    package let chain: Chain

    /// The sections of others that the file has, such as `host`, by key.
    package let sections: [String: any SettingValue]

    /// Where the keys of those sections stand.
    package let sectionPlaces: [String: SourceRange]

    /// What the file says in those sections.
    let sectionNodes: [String: Node]

    let secretFiles: SecretFiles

    /// Whether a section says the same as in another file.
    package func hasSameSection(_ key: String, as other: PipelineFile) -> Bool {
        switch (sectionNodes[key], other.sectionNodes[key]) {
        case (let mine?, let theirs?): mine.says(theSameAs: theirs)
        case (nil, nil): true
        default: false
        }
    }
}

/// What reading a pipeline file gave: everything that was found, and the file if it can be used.
package struct LoadedPipeline: Sendable {
    /// The file; `nil` where there is an error.
    package let file: PipelineFile?

    /// Everything that was found, in the order of place.
    package let diagnostics: [Diagnostic]

    /// The text that the places refer to; `nil` where the file could not be read.
    package let source: SourceFile?

    /// The texts of the files that it uses, by path.
    package let usedSources: [String: SourceFile]

    /// What reading gave.
    package init(
        file: PipelineFile?, diagnostics: [Diagnostic], source: SourceFile?, usedSources: [String: SourceFile] = [:]
    ) {
        self.usedSources = usedSources
        self.file = file
        self.diagnostics = diagnostics
        self.source = source
    }

    /// Whether the file can't be used.
    package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

    /// With what was found when the file was looked at together with others.
    package func adding(_ found: Diagnostics) -> LoadedPipeline {
        if found.items.isEmpty { return self }
        // By place; what was found in other files stays behind.
        let own = diagnostics.filter { $0.path == found.source.path } + found.sorted
        let beginning = SourceLocation(line: 0, column: 0)
        let sorted = own.enumerated().sorted { left, right in
            (left.element.range?.start ?? beginning, left.offset) < (
                right.element.range?.start ?? beginning, right.offset
            )
        }
        return LoadedPipeline(
            file: found.hasErrors ? nil : file,
            diagnostics: sorted.map(\.element) + diagnostics.filter { $0.path != found.source.path }, source: source,
            usedSources: usedSources)
    }

    /// The diagnostics as people read them, with the source lines.
    package var report: String {
        func line(_ diagnostic: Diagnostic) -> String? {
            diagnostic.range.map { "\($0.start.line) \(diagnostic.path)" }
        }
        // What one diagnostic hides no other shows.
        let hidden = Set(diagnostics.filter(\.hidesLines).compactMap(line))
        return diagnostics.map { diagnostic in
            let isHidden = line(diagnostic).map(hidden.contains) ?? false
            return DiagnosticFormatter.text(
                diagnostic, source: isHidden ? nil : usedSources[diagnostic.path] ?? source)
        }.joined(separator: "\n")
    }
}
