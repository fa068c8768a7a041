/// A chain written in Swift, in the place of a file.
extension LoadedPipeline {
    /// The chain of a file that was made of one and stays.
    package init(unchanged file: PipelineFile) {
        self.init(file: file, diagnostics: [], source: SourceFile(path: file.path, text: ""))
    }

    /// - Parameters:
    ///   - chain: The chain, not opened yet.
    ///   - name: Its name, which stands in the place of a path, too.
    package init(_ chain: Chain, named name: String) {
        let source = SourceFile(path: name, text: "")
        var found = Diagnostics(source: source)
        let place = SourceRange(at: .start)
        if name.isEmpty || name.contains(where: { $0.isWhitespace || $0.isNewline }) {
            found.error(.badValue, at: place, "the name of a chain must have no spaces")
        }
        if !(chain.stages.first is any EntryStage) {
            found.error(
                .missingEntry, at: place,
                "no stage receives messages: begin the chain with an entry stage, as 'Receive()' is")
        }
        if !chain.stages.contains(where: { $0 is any ReplyStage }) {
            found.warning(.missingReply, at: place, "no stage answers the client; end the chain with 'Respond()'")
        }
        let file = PipelineFile(
            path: name, name: name, description: nil, usedPaths: [], chain: chain.named(name),
            sections: [:],
            sectionPlaces: [:], sectionNodes: [:], secretFiles: SecretFiles())
        self.init(file: found.hasErrors ? nil : file, diagnostics: found.sorted, source: source)
    }
}
