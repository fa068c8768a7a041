import Glibc
public import Pipeline

/// A program and its arguments, found when the file is read.
public struct Command: SettingValue, Hashable {
    /// The program's file.
    let path: String

    /// The program as it is written, and its arguments.
    public let words: [String]

    /// A program, by its path or by its name in `PATH`, and its arguments.
    ///
    /// - Throws: ``Problem`` where it can't be run.
    public init(_ words: [String]) throws(Problem) {
        guard let name = words.first, !name.isEmpty else { throw Problem(index: nil, description: "names no program") }
        for (index, word) in words.enumerated() where word.utf8.contains(0) {
            throw Problem(index: index, description: "holds U+0000, which no program takes")
        }
        self.words = words
        path = try Self.find(name)
        try Self.checkFormat(of: path, name: name)
        try Self.checkScript(words)
    }

    /// What is wrong with a command, as it stands after its name.
    public struct Problem: Error, CustomStringConvertible {
        /// Which of the words is wrong; `nil` where it is all of them.
        let index: Int?
        /// Such as "names the program 'x', which is not in PATH".
        public let description: String
    }

    /// A list of strings.
    public static var settingType: SettingType { .list(.string) }

    /// A program that can be run, with its arguments.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Command? {
        guard let words = [String].read(node, with: &reader) else { return nil }
        do throws(Problem) {
            return try Command(words)
        } catch {
            let place = error.index.flatMap { node.elements?[$0] } ?? node
            // Values of variables are never shown.
            let shown = place.scalar.map { error.description.replacing($0.text, with: $0.written) }
            reader.diagnostics.error(.badValue, at: place.range, "\(reader.subject) \(shown ?? error.description)")
            return nil
        }
    }

    private static func find(_ name: String) throws(Problem) -> String {
        if name.contains("/") {
            try check(name, name: name)
            return name
        }
        let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        let paths = folders.split(separator: ":").map { "\($0)/\(name)" }
        if let path = paths.first(where: { isFile($0) && access($0, X_OK) == 0 }) { return path }
        let hint = isFile(name) ? "; for the file in the working directory write './\(name)'" : ""
        throw Problem(index: 0, description: "names the program '\(name)', which is not in PATH\(hint)")
    }

    private static func check(_ path: String, name: String) throws(Problem) {
        guard isFile(path) else {
            throw Problem(index: 0, description: "names the program '\(name)', which does not exist\(place(of: name))")
        }
        guard access(path, X_OK) == 0 else {
            throw Problem(
                index: 0, description: "names the program '\(name)', which may not be run: try 'chmod +x \(name)'")
        }
    }

    /// A script without an interpreter's name is a program for shells alone.
    private static func checkFormat(of path: String, name: String) throws(Problem) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        // Some programs may be run and not be read.
        guard file >= 0 else { return }
        defer { close(file) }
        var start: [UInt8] = [0, 0, 0, 0]
        let count = Glibc.read(file, &start, 4)
        let isScript = count >= 2 && start.starts(with: "#!".utf8)
        guard !isScript, start != [0x7F, 0x45, 0x4C, 0x46] else { return }
        throw Problem(
            index: 0,
            description: "names '\(name)', which is no program: its first line must name its interpreter, "
                + "as in '#!/usr/bin/env python3'")
    }

    private static let interpreters = ["python", "node", "ruby", "perl", "php", "lua", "bash", "dash", "sh", "zsh"]

    /// An interpreter would start, fail to find its script, and end; again and again.
    private static func checkScript(_ words: [String]) throws(Problem) {
        guard words.count > 1, let name = words.first?.split(separator: "/").last else { return }
        let isInterpreter = interpreters.contains {
            name.hasPrefix($0) && name.dropFirst($0.count).allSatisfy(isVersion)
        }
        guard isInterpreter, !words[1].hasPrefix("-"), access(words[1], R_OK) != 0 else { return }
        throw Problem(
            index: 1, description: "names the script '\(words[1])', which does not exist\(place(of: words[1]))")
    }

    /// Where a path that is not absolute is looked for: not in the folder of the pipeline's file, as many expect.
    private static func place(of path: String) -> String { path.hasPrefix("/") ? "" : " in the working directory" }

    private static func isVersion(_ character: Character) -> Bool { character.isNumber || character == "." }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
