import FoundationEssentials

/// How a new package comes by Stagecoach.
enum StagecoachDependency {
    /// A folder with its sources.
    case path(String)
    /// A repository with its sources.
    case url(String)

    /// The package as a manifest's list of dependencies has it.
    var declaration: String {
        switch self {
        case .path(let path): ".package(name: \"stagecoach\", path: \(Self.quoted(path)))"
        case .url(let url): ".package(url: \(Self.quoted(url)), branch: \"main\")"
        }
    }

    /// The package's name where a manifest names its products.
    var package: String {
        guard case .url(let url) = self else { return "stagecoach" }
        let last = url.split(separator: "/").last.map(String.init) ?? "stagecoach"
        return last.hasSuffix(".git") ? String(last.dropLast(4)) : last
    }

    /// The versions of what Stagecoach depends on that it was tested with, as a package manager has them.
    var versions: String? {
        guard case .path(let path) = self else { return nil }
        return try? String(contentsOfFile: "\(path)/Package.resolved", encoding: .utf8)
    }

    /// A sentence for those who got the package.
    var description: String {
        switch self {
        case .path(let path):
            "It takes stagecoach from the folder \(path); where others build it, change that in its Package.swift."
        case .url(let url): "It takes stagecoach from the branch main of \(url)."
        }
    }

    /// A command of Swift's for the package: as fast a program as Stagecoach's own, and of one build with it where its
    /// sources are at hand.
    func swift(_ command: String) -> String { Self.swift(command, sharing: path) }

    /// Why the commands are so long.
    var scratchWords: String {
        if path == nil { return "" }
        return
            "\n`--scratch-path` has the package share Stagecoach's own build; without it all of that is built again.\n"
    }

    /// The command for a package that is there, by its manifest.
    static func swift(_ command: String, forManifest text: String) -> String {
        let match = text.firstMatch(of: /\.package\(\s*name:\s*"stagecoach",\s*path:\s*"([^"\\]+)"/)
        return swift(command, sharing: match.map { String($0.output.1) })
    }

    private var path: String? { if case .path(let path) = self { path } else { nil } }

    private static func swift(_ command: String, sharing path: String?) -> String {
        let shared = path.map { " --scratch-path \(shellWord("\($0)/.build"))" } ?? ""
        // With testable imports everywhere, all of Stagecoach would be built once more for the test, and again after it.
        let testable = command == "test" ? " --disable-testable-imports" : ""
        return "swift \(command) --configuration release\(testable)\(shared)"
    }

    private static func shellWord(_ text: String) -> String {
        let isPlain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+".contains($0)) }
        return isPlain ? text : "'\(text.replacing("'", with: "'\\''"))'"
    }

    /// What the user named, or the folder that this program was built in.
    ///
    /// - Throws: ``NewProblem`` where that is no folder of Stagecoach's sources.
    init(named: String?) throws(NewProblem) {
        if let named {
            if named.contains("://") || named.hasPrefix("git@") {
                self = .url(named)
                return
            }
            let path = Self.absolute(named)
            guard Self.isCheckout(path) else {
                throw NewProblem(
                    "'\(named)' is no folder with Stagecoach's sources: it has no Package.swift with the library 'Host'"
                )
            }
            self = .path(path)
            return
        }
        guard let path = Self.found else {
            throw NewProblem(
                "the sources of stagecoach are not where this program was built; say where they are: "
                    + "--stagecoach FOLDER, or --stagecoach URL for a Git repository")
        }
        self = .path(path)
    }

    /// Whether a folder has Stagecoach's own package.
    static func isCheckout(_ path: String) -> Bool {
        guard let manifest = try? String(contentsOfFile: "\(path)/Package.swift", encoding: .utf8) else { return false }
        return ["Host", "Pipeline"].allSatisfy { manifest.contains(".library(name: \"\($0)\"") }
    }

    /// The sources that the running program was built from; none where they are a package manager's own copy.
    private static var found: String? {
        let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        for start in [program, #filePath].compactMap(\.self) {
            var path = Substring(start)
            while let slash = path.lastIndex(of: "/") {
                path = path[..<slash]
                if isCheckout(String(path)), !path.contains("/.build/") { return String(path) }
            }
        }
        return nil
    }

    private static func absolute(_ path: String) -> String {
        URL(filePath: path).standardizedFileURL.path
    }

    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}
