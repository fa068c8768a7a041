import Pipeline
import Server

/// What `check --live` adds: whether databases answer, whether their tables have what rows need, and whether the issuer of
/// tokens has keys.
enum LiveCheck {
    /// The same files with what was found at each stage that stores.
    static func run(_ loaded: [LoadedPipeline]) async -> [LoadedPipeline] {
        LogOutput.silence()
        var result: [LoadedPipeline] = []
        for pipeline in loaded { result.append(await run(pipeline)) }
        return result
    }

    private static func run(_ pipeline: LoadedPipeline) async -> LoadedPipeline {
        guard let file = pipeline.file, let source = pipeline.source else { return pipeline }
        var found = Diagnostics(source: source)
        let start = SourceLocation(line: 1, column: 1)
        let top = SourceRange(start: start, end: start)
        do {
            try await file.chain.openResources()
            for table in StoredTable.all(in: file.chain) {
                let range = table.place ?? top
                do {
                    try await table.waitUntilReady()
                    for problem in try await table.store.problems(of: table.name) {
                        found.error(.table, at: range, problem)
                    }
                    for sentence in try await table.advice() { found.warning(.table, at: range, sentence) }
                } catch {
                    found.error(
                        .unreachable, at: range, "the database of stage '\(table.stage)' does not answer: \(error)")
                }
            }
        } catch {
            found.error(.unreachable, at: file.chain.entryPlace ?? top, "\(error)")
        }
        await file.chain.close(within: .zero)
        if let address = file.keySetAddress { await look(at: address, &found) }
        return pipeline.adding(found)
    }

    private static func look(at address: KeySetAddress, _ found: inout Diagnostics) async {
        do throws(KeySetProblem) {
            guard let notes = try await address.look().notes else { return }
            found.warning(.keySet, at: address.range, "the key set has keys that are not used: \(notes)")
        } catch {
            found.error(.unreachable, at: address.range, "the issuer's keys can't be fetched: \(error)")
        }
    }
}

extension DiagnosticCode {
    /// A table lacks something.
    static let table = DiagnosticCode(rawValue: "table")
    /// A key set holds what can't be used.
    static let keySet = DiagnosticCode(rawValue: "key_set")
    /// A resource does not answer.
    static let unreachable = DiagnosticCode(rawValue: "unreachable")
}

extension PipelineFile {
    /// Where the issuer of tokens has its keys, where the file's `host:` section names an address.
    var keySetAddress: KeySetAddress? { (sections["host"] as? HostSettings)?.keySetAddress }
}
