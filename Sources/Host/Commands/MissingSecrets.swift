import Pipeline

/// Keys that a file takes from variables which are not set: the host would start, and every message would fail.
enum MissingSecrets {
    /// The same files, with a warning at each such key.
    static func check(_ loaded: [LoadedPipeline], knowing environment: Environment) -> [LoadedPipeline] {
        loaded.map { pipeline in
            guard let file = pipeline.file, let source = pipeline.source else { return pipeline }
            var found = Diagnostics(source: source)
            for secret in file.chain.emptySecrets {
                let variable = secret.variables.first { environment[$0]?.isEmpty ?? true }
                let what =
                    variable.map { name in
                        "the variable '\(name)' is \(environment[name] == nil ? "not set" : "empty"), so that resource "
                            + "'\(secret.resource)' has no \(secret.setting)"
                    } ?? "resource '\(secret.resource)' has no \(secret.setting)"
                let cure =
                    variable == nil
                    ? "write '\(secret.setting): \"${NAME}\"', and set the variable"
                    : "set it in the environment, or in .env"
                let range = secret.place(in: source) ?? file.chain.entryPlace
                guard let range else { continue }
                found.warning(.missingSecret, at: range, "\(what), and \(secret.consequence); \(cure)")
            }
            for (problem, secret) in file.chain.addressProblems {
                guard let range = secret.place(in: source) ?? file.chain.entryPlace,
                    // '$DATABASE_URL' is no address, and one mistake.
                    !pipeline.diagnostics.contains(where: { $0.range == range })
                else { continue }
                found.warning(.badValue, at: range, problem)
            }
            return pipeline.adding(found)
        }
    }
}

extension DiagnosticCode {
    /// A key that is empty.
    static let missingSecret = DiagnosticCode(rawValue: "missing_secret")
}
