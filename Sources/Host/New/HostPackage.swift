import FoundationEssentials

/// The package in the working directory, where it is a host with stages of its own.
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

    /// The files of a stage in this package.
    func files(for name: StageName) -> NewFiles {
        let stage = StageTemplate(name: name)
        let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "Sources"
        var files = NewFiles()
        files.add("\(folder)/\(name.type).swift", stage.stage)
        if FileManager.default.fileExists(atPath: "Tests/\(target)Tests") {
            files.add("Tests/\(target)Tests/\(name.type)Tests.swift", stage.test(in: target))
        }
        files.add("\(name.ofPackage).yaml", stage.pipeline)
        return files
    }

    /// A command of Swift's for the package.
    func swift(_ command: String) -> String { StagecoachDependency.swift(command, forManifest: manifest) }

    private var manifest: String { (try? String(contentsOfFile: "Package.swift", encoding: .utf8)) ?? "" }

    /// Puts the stage into the host's list, and says so or what to write there.
    func list(_ name: StageName) -> String {
        let kit =
            manifest.contains("PipelineTesting") || !FileManager.default.fileExists(atPath: "Tests/\(target)Tests")
            ? ""
            : "\nNow add to the target '\(target)Tests' in Package.swift, for the stage's test: "
                + ".product(name: \"PipelineTesting\", package: \"\(dependency)\")"
        return listed(name) + kit
    }

    /// What the manifest calls the package that has the host.
    private var dependency: String {
        let match = manifest.firstMatch(of: /\.product\(\s*name:\s*"Host",\s*package:\s*"([^"]+)"/)
        return match.map { String($0.output.1) } ?? "stagecoach"
    }

    private func listed(_ name: StageName) -> String {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8),
            let listed = Self.listing(name.type, in: text),
            (try? Data(listed.utf8).write(to: URL(filePath: file), options: .atomic)) != nil
        else {
            return "Now write into the host, in \(file): static let stages: [any Stage.Type] = [\(name.type).self]"
        }
        return "\(file)  has it in its list of stages now"
    }

    /// The text of a host with one more stage in its list; `nil` where no list is found.
    static func listing(_ type: String, in text: String) -> String? {
        guard let match = text.firstMatch(of: /stages\s*:\s*\[\s*any\s+Stage\.Type\s*\]\s*=\s*\[([^\]]*)\]/) else {
            return nil
        }
        let inside = match.output.1
        let end = inside.lastIndex { !$0.isWhitespace }
        guard let end else { return text.replacingCharacters(of: inside, with: "\(type).self") }
        let last = inside[...end]
        let added = last.hasSuffix(",") ? "\(last) \(type).self," : "\(last), \(type).self"
        return text.replacingCharacters(of: last, with: added)
    }
}

extension String {
    fileprivate func replacingCharacters(of part: Substring, with replacement: String) -> String {
        String(self[..<part.startIndex]) + replacement + String(self[part.endIndex...])
    }
}
