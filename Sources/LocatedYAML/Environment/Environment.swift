import FoundationEssentials

/// The variables that pipeline files may use: those of the process, then those of an environment file.
package struct Environment: Sendable {
    private let values: [String: String]
    /// Whether an environment file was read.
    package private(set) var hasFile = false

    /// The variables of a process and of a file; the process wins where both have one.
    package init(process: [String: String] = [:], file: [String: String] = [:]) {
        values = file.merging(process) { _, ofProcess in ofProcess }
    }

    /// With further values, which go before those that are there.
    package func overlaid(by others: [String: String]) -> Environment {
        others.isEmpty ? self : Environment(process: others, file: values)
    }

    /// The value of a variable; `nil` where it is not set. A set one may be empty.
    package subscript(name: String) -> String? { values[name] }

    /// The names of all variables, sorted.
    package var names: [String] { values.keys.sorted() }

    /// The variables of this process and of an environment file, with what is wrong in that file.
    ///
    /// - Parameters:
    ///   - envFile: The file that the user named, which must be there. Where none is named it is `.env` in the
    ///     directory; that one may be missing, or be a directory as some tools make it.
    ///   - directory: Where `.env` is looked for; the working directory.
    ///   - process: The variables of the process.
    package static func load(
        envFile: String? = nil, directory: String? = nil, process: [String: String]? = nil
    ) -> (environment: Environment, diagnostics: [Diagnostic]) {
        let process = process ?? ProcessInfo.processInfo.environment
        let path = envFile ?? directory.map { "\($0)/.env" } ?? ".env"
        var isDirectory = false
        let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        if envFile == nil, !isThere || isDirectory { return (Environment(process: process), []) }
        switch SourceFile.load(path: path) {
        case .failure(let diagnostic):
            return (Environment(process: process), [diagnostic])
        case .success(let source):
            var diagnostics = Diagnostics(source: source)
            var environment = Environment(process: process, file: DotEnv.parse(source, into: &diagnostics))
            environment.hasFile = true
            return (environment, diagnostics.sorted)
        }
    }
}

extension Environment: CustomStringConvertible, CustomReflectable {
    /// How many variables there are; never their values.
    package var description: String { "Environment(\(values.count) variables)" }

    /// Shows nothing, so that no value is printed.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
