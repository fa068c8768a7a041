package import Pipeline

/// The check of what a `host:` section names outside of its file: certificates and keys.
package enum HostFiles {
    /// The same files; what can't be used is an error where it is named.
    package static func check(_ loaded: [LoadedPipeline]) -> [LoadedPipeline] { loaded.map { check($0) } }

    /// The same files; what no host can do is an error, whatever the files hold.
    static func checkRules(_ loaded: [LoadedPipeline]) -> [LoadedPipeline] {
        loaded.map { pipeline in
            guard let file = pipeline.file, let source = pipeline.source,
                let settings = file.sections["host"] as? HostSettings
            else { return pipeline }
            var found = Diagnostics(source: source)
            checkRules(settings, of: file, into: &found)
            return pipeline.adding(found)
        }
    }

    private static func checkRules(_ settings: HostSettings, of file: PipelineFile, into found: inout Diagnostics) {
        if settings.metrics == .auth, settings.auth.credentials == nil, let range = file.sectionPlaces["host"] {
            found.error(.badValue, at: range, "'metrics: auth' needs 'auth': nobody could see the metrics")
        }
        guard settings.console == .auth, let range = file.sectionPlaces["host"] else { return }
        guard let credentials = settings.auth.credentials else {
            return found.error(.badValue, at: range, "'console: auth' needs 'auth': nobody could see the console")
        }
        if credentials.jwt == nil, !credentials.keys.contains(where: \.isOperator) {
            found.warning(
                .badValue, at: range,
                "'console: auth' shows the console to nobody: no key has 'operator: true', as {key: …, user: …, operator: true}"
            )
        }
    }

    private static func check(_ pipeline: LoadedPipeline) -> LoadedPipeline {
        guard let file = pipeline.file, let source = pipeline.source,
            let settings = file.sections["host"] as? HostSettings
        else { return pipeline }
        var found = Diagnostics(source: source)
        do throws(FileProblem) {
            _ = try HostCredentials(settings)
        } catch {
            found.error(.badFile, at: error.range, error.description)
        }
        checkRules(settings, of: file, into: &found)
        return pipeline.adding(found)
    }
}

extension DiagnosticCode {
    /// A file that the host can't use.
    static let badFile = DiagnosticCode(rawValue: "bad_file")
}
