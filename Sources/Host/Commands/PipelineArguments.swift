import ArgumentParser
import Pipeline

/// What every command that reads pipeline files takes, and the reading of them.
struct PipelineArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The pipeline file or files.", valueName: "pipeline"))
    var paths: [String]

    @Option(help: "Where variables stand that the environment doesn't have. (default: .env, if it is there)")
    var envFile: String?

    /// The top-level keys of a host, and their settings.
    static let sections: [String: any SettingGroup.Type] = ["host": HostSettings.self]

    /// Reads and checks every file, and the files against each other.
    ///
    /// - Parameter former: The files as they were, where they are read again.
    func load<Host: StagecoachHost>(
        for host: Host.Type, after former: [PipelineFile] = []
    ) throws -> [LoadedPipeline] {
        let (environment, diagnostics) = Environment.load(envFile: envFile)
        let loader = PipelineLoader(
            registry: try Host.registry(), environment: environment, sections: Self.sections)
        let loaded = paths.enumerated().map { index, path in
            loader.load(path: path, after: former.indices.contains(index) ? former[index] : nil)
        }
        let broken = LoadedPipeline(file: nil, diagnostics: diagnostics, source: nil)
        return (diagnostics.isEmpty ? [] : [broken]) + SharedHost.check(loaded)
    }

    /// Good files, and how to read them again.
    func source<Host: StagecoachHost>(of files: [PipelineFile], for host: Host.Type) throws -> PipelineSource {
        // What is wrong with it shows now, and not when it is read again.
        _ = try Host.registry()
        let (paths, envFile) = (paths, envFile)
        return PipelineSource(files: files, paths: paths + [envFile ?? ".env"]) { former in
            var arguments = PipelineArguments()
            (arguments.paths, arguments.envFile) = (paths, envFile)
            return (try? arguments.load(for: host, after: former)) ?? []
        }
    }

    /// The files, if all are good; what is wrong goes to standard error.
    ///
    /// - Throws: `ExitCode.failure` where one has an error.
    func loadGood<Host: StagecoachHost>(for host: Host.Type) throws -> [PipelineFile] {
        try PipelineArguments.good(load(for: host))
    }

    /// The files, if all are good; what is wrong goes to standard error.
    static func good(_ loaded: [LoadedPipeline]) throws -> [PipelineFile] {
        StandardError.write(report: loaded)
        if loaded.contains(where: \.hasErrors) { throw ExitCode.failure }
        return loaded.compactMap(\.file)
    }
}

extension StandardError {
    /// Writes what was found in each file.
    static func write(report loaded: [LoadedPipeline]) {
        for pipeline in loaded where !pipeline.diagnostics.isEmpty { write(pipeline.report) }
    }
}
