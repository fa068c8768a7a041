import Pipeline
import Synchronization

/// The variables as they were read last, for when their file can't be read again: a pipe (`--env-file <(…)`) gives what it
/// has once.
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
            if read.diagnostics.isEmpty { last = read.environment }
            return read
        }
    }
}

extension Diagnostic {
    fileprivate var whereValuesStay: Diagnostic {
        Diagnostic(
            severity: .warning, code: code, message: "\(message); its values of before stay", path: path, range: range)
    }
}
