import ArgumentParser
import Glibc
import Pipeline
import PipelineTesting
import Server

/// What every command that reads pipeline files takes, and the reading of them.
struct PipelineArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The pipeline file or files.", valueName: "pipeline"))
    var paths: [String] = []

    @Option(help: "A file with variables that the environment doesn't have. (default: .env, if it exists)")
    var envFile: String?

    /// The top-level keys of a host, and their settings.
    static let sections: [String: any SettingGroup.Type] = ["host": HostSettings.self]

    /// Reads and checks every file by itself, as commands do that look at files; those of a folder where one is named.
    func loadEach<Host: StagecoachHost>(for host: Host.Type) throws -> [LoadedPipeline] {
        let files = try withChains(of: host, beside: false).withFilesOfFolders()
        return try files.read(for: host, wrapping: nil)
    }

    /// Only a host that has chains of its own need be told of no file.
    func validate<Host: StagecoachHost>(for host: Host.Type) throws {
        if try paths.isEmpty && HostChains.all(of: host).isEmpty {
            throw ValidationError("Missing expected argument '<pipeline> ...'")
        }
    }

    /// With the names of the host's chains: where no file is named, or beside those that are.
    ///
    /// - Throws: `ExitCode.failure`, after saying so, where the chains are not good.
    func withChains<Host: StagecoachHost>(of host: Host.Type, beside: Bool) throws -> PipelineArguments {
        guard paths.isEmpty || beside else { return self }
        let names = try HostChains.all(of: host).keys.sorted()
        var copy = self
        copy.paths += names.filter { !paths.contains($0) }
        return copy
    }

    /// The same with the pipeline files of folders instead of the folders.
    ///
    /// - Throws: `ExitCode.failure`, after saying so, where a folder has none.
    func withFilesOfFolders() throws -> PipelineArguments {
        var copy = self
        copy.paths = try paths.flatMap { path in
            guard let names = Folder.names(in: path) else { return [path] }
            let files = names.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") && !$0.isTestFile }.sorted()
            if files.isEmpty {
                StandardError.write("\(path): error: the folder has no pipeline file; their names end with .yaml")
                throw ExitCode.failure
            }
            return files.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
        }
        return copy
    }

    /// Reads and checks every file, and the files against each other.
    ///
    /// - Parameters:
    ///   - former: The files as they were, where they are read again.
    ///   - variables: Those of before, where they are read again.
    func load<Host: StagecoachHost>(
        for host: Host.Type, after former: [PipelineFile] = [], variables: FormerEnvironment = FormerEnvironment(),
        wrapping: ResourceWrapping? = nil
    ) throws -> [LoadedPipeline] {
        let all = try withChains(of: host, beside: false)
        return SharedHost.check(try all.read(for: host, after: former, variables: variables, wrapping: wrapping))
    }

    private func read<Host: StagecoachHost>(
        for host: Host.Type, after former: [PipelineFile] = [], variables: FormerEnvironment = FormerEnvironment(),
        wrapping: ResourceWrapping?
    ) throws -> [LoadedPipeline] {
        let (environment, diagnostics) = variables.next(Environment.load(envFile: envFile))
        let loader = try loader(for: host, with: environment, wrapping: wrapping)
        let chains = try HostChains.all(of: host)
        // 'pipelines/*.yaml' has the tests beside the files, too.
        let paths = paths.contains { !$0.isTestFile } ? paths.filter { !$0.isTestFile } : paths
        let loaded = paths.enumerated().map { index, path in
            if path.isTestFile { return LoadedPipeline.refused(testFile: path) }
            if let chain = chains[path] {
                // What is written in Swift does not change while the program runs.
                let same = former.first { $0.path == path }.map { LoadedPipeline(unchanged: $0) }
                return same ?? LoadedPipeline(chain, named: path)
            }
            let loaded = loader.load(path: path, after: former.indices.contains(index) ? former[index] : nil)
            return loaded.naming(fileLike: path)
        }
        let broken = LoadedPipeline(file: nil, diagnostics: diagnostics, source: nil)
        return (diagnostics.isEmpty ? [] : [broken]) + loaded.map(EntryPaths.check)
    }

    /// The variables; what is wrong with their file goes to standard error.
    ///
    /// - Throws: `ExitCode.failure` where anything is.
    func goodEnvironment() throws -> Environment {
        let (environment, diagnostics) = Environment.load(envFile: envFile)
        if diagnostics.isEmpty { return environment }
        StandardError.write(LoadedPipeline(file: nil, diagnostics: diagnostics, source: nil).report)
        throw ExitCode.failure
    }

    /// What reads the files.
    ///
    /// - Parameters:
    ///   - environment: The variables; as far as they can be read where it is left out.
    ///   - standIns: What replaces resources.
    ///   - wrapping: What is put around each resource.
    func loader<Host: StagecoachHost>(
        for host: Host.Type, with environment: Environment? = nil, standIns: StandIns? = nil,
        wrapping: ResourceWrapping? = nil
    ) throws -> PipelineLoader {
        var sections: [String: any SettingValue.Type] = [TestSection.key: TestSection.self]
        for (key, section) in Self.sections { sections[key] = section }
        return PipelineLoader(
            registry: try Host.registry(), environment: environment ?? Environment.load(envFile: envFile).environment,
            sections: sections, filter: standIns?.filter, wrapping: wrapping)
    }

    /// Reads and checks the tests that stand beside the files.
    func loadTests<Host: StagecoachHost>(for host: Host.Type) throws -> [LoadedTests] {
        let loader = try loader(for: host)
        return PipelineTests.files(of: paths).compactMap { TestFile.beside($0, loader: loader) }
    }

    /// Good files, and how to read them again.
    func source<Host: StagecoachHost>(
        of files: [PipelineFile], for host: Host.Type, variables: FormerEnvironment, wrapping: ResourceWrapping? = nil
    ) throws -> PipelineSource {
        // What is wrong with it shows now, and not when it is read again.
        _ = try Host.registry()
        let (paths, envFile) = (paths, envFile)
        let chains = try HostChains.all(of: host).keys
        return PipelineSource(
            files: files, paths: paths.filter { !chains.contains($0) } + [envFile ?? ".env"]
        ) { former in
            var arguments = PipelineArguments()
            (arguments.paths, arguments.envFile) = (paths, envFile)
            return (try? arguments.load(for: host, after: former, variables: variables, wrapping: wrapping)) ?? []
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

extension String {
    /// Whether it is the path of a file of tests.
    fileprivate var isTestFile: Bool { hasSuffix(LoadedTests.suffix) }
}

extension LoadedPipeline {
    fileprivate static func refused(testFile path: String) -> LoadedPipeline {
        let refusal = Diagnostic(
            severity: .error, code: .notAPipeline,
            message: "a file of tests is no pipeline; name the file that it belongs to", path: path)
        return LoadedPipeline(file: nil, diagnostics: [refusal], source: nil)
    }
}

extension LoadedPipeline {
    /// Where there is no such file: one whose name is this one with its end, or that is among the shipped ones.
    fileprivate func naming(fileLike path: String) -> LoadedPipeline {
        let names: [String] = ["\(path).yaml", "\(path).yml", "pipelines/\(path)", "pipelines/\(path).yaml"]
        guard file == nil, source == nil, diagnostics.count == 1, diagnostics[0].code == .fileUnreadable,
            let near = names.first(where: { (name: String) in access(name, R_OK) == 0 })
        else { return self }
        let said = diagnostics[0]
        let missing = Diagnostic(
            severity: said.severity, code: said.code, message: said.message, path: said.path, suggestion: near)
        return LoadedPipeline(file: nil, diagnostics: [missing], source: nil)
    }
}

/// The folders that commands are given.
private enum Folder {
    /// The names in a folder; `nil` where the path is none, or can't be read.
    static func names(in path: String) -> [String]? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, let folder = opendir(path) else {
            return nil
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }
}

extension StandardError {
    /// Writes what was found in each file.
    static func write(report loaded: [LoadedPipeline]) {
        for pipeline in loaded where !pipeline.diagnostics.isEmpty { write(pipeline.report) }
    }
}
