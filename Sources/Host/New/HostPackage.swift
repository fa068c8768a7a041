import FoundationEssentials

/// The package in the working directory, where it is a host with parts of its own.
struct HostPackage {
    /// The file that declares the host.
    let file: String
    /// The target that the file is in.
    let target: String

    /// The package of the working directory; `nil` where there is none, or it is Stagecoach itself.
    ///
    /// - Throws: ``NewProblem`` where the package has no host.
    static func find() throws(NewProblem) -> HostPackage? {
        guard FileManager.default.fileExists(atPath: "Package.swift"), !StagecoachDependency.isCheckout(".") else {
            return nil
        }
        let sources = ((try? FileManager.default.subpathsOfDirectory(atPath: "Sources")) ?? []).sorted()
        for path in sources where path.hasSuffix(".swift") {
            let file = "Sources/\(path)"
            guard let text = try? String(contentsOfFile: file, encoding: .utf8),
                text.contains("@main"), text.contains(/:[^{]*\bStagecoachHost\b[^{]*\{/)
            else { continue }
            return HostPackage(file: file, target: path.split(separator: "/").first.map(String.init) ?? "")
        }
        throw NewProblem(
            "the package in this folder has no host, a struct with '@main' and ': StagecoachHost'; "
                + "go to another folder for a package of its own")
    }

    /// The files of a stage or resource in this package.
    func files(for part: some NewPart) -> NewFiles {
        let name = part.name
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "Sources"
        var files = NewFiles()
        files.add("\(folder)/\(name.type).swift", part.source)
        if FileManager.default.fileExists(atPath: "Tests/\(target)Tests") {
            files.add("Tests/\(target)Tests/\(name.type)Tests.swift", part.test(in: target))
        }
        files.add("\(name.ofPackage).yaml", part.pipeline)
        return files
    }

    /// A command of Swift's for the package.
    func swift(_ command: String) -> String { StagecoachDependency.swift(command, forManifest: manifest) }

    private var manifest: String { (try? String(contentsOfFile: "Package.swift", encoding: .utf8)) ?? "" }

    /// Puts it into the host's lists, and says so or what to write there.
    func list(_ part: some NewPart) -> String {
        let kit =
            manifest.contains("PipelineTesting") || !FileManager.default.fileExists(atPath: "Tests/\(target)Tests")
            ? ""
            : "\nNow add to the target '\(target)Tests' in Package.swift, for the \(part.noun)'s test: "
                + ".product(name: \"PipelineTesting\", package: \"\(dependency)\")"
        return part.lists.map { listed($0.type, in: $0.list) }.joined(separator: "\n") + kit
    }

    /// What the manifest calls the package that has the host.
    private var dependency: String {
        let match = manifest.firstMatch(of: /\.product\(\s*name:\s*"Host",\s*package:\s*"([^"]+)"/)
        return match.map { String($0.output.1) } ?? "stagecoach"
    }

    private func listed(_ type: String, in list: HostList) -> String {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8),
            let listed = list.adding(type, to: text),
            (try? Data(listed.utf8).write(to: URL(filePath: file), options: .atomic)) != nil
        else {
            return "Now write into the host, in \(file): \(list.declaration(of: type))"
        }
        return "\(file)  has it in its list of \(list.rawValue) now"
    }
}
