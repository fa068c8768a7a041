import Pipeline
import Synchronization

/// The variables as they were read last, for when their file can't be read again: a pipe (`--env-file <(…)`) gives what it
/// has once, and a file that was there may be gone.
final class FormerEnvironment: Sendable {
    private let last = Mutex<Environment?>(nil)

    /// The variables that were read, or those of before where their file can't be read, with what is to be said of it.
    func next(
        _ read: (environment: Environment, diagnostics: [Diagnostic])
    ) -> (environment: Environment, diagnostics: [Diagnostic]) {
        last.withLock { last in
            if let last, read.diagnostics.contains(where: { $0.code == .fileUnreadable }) {
                return (last, read.diagnostics.map(\.whereValuesStay))
            }
            guard read.diagnostics.isEmpty else { return read }
            // Nobody has to have '.env', but a host that has a key of it is not to lose that without a word.
            if let last, last.hasFile, !read.environment.hasFile { return (last, [.gone]) }
            last = read.environment
            return read
        }
    }
}

extension Diagnostic {
    fileprivate static let gone = Diagnostic(
        severity: .warning, code: .fileUnreadable, message: "no such file; its values of before stay", path: ".env")

    fileprivate var whereValuesStay: Diagnostic {
        Diagnostic(
            severity: .warning, code: code, message: "\(message); its values of before stay", path: path, range: range)
    }
}
