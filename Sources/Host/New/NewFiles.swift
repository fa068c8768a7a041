import FoundationEssentials

/// Files to be written: all of them, or none where one is there already.
struct NewFiles {
    private(set) var all: [(path: String, text: String)] = []

    mutating func add(_ path: String, _ text: String) {
        all.append((path, text.hasSuffix("\n") ? text : text + "\n"))
    }

    /// Writes them, with the folders that are missing.
    ///
    /// - Throws: ``NewProblem`` where a file is there already or can't be written.
    func write() throws(NewProblem) {
        let there = all.map(\.path).filter { FileManager.default.fileExists(atPath: $0) }
        guard there.isEmpty else {
            let names = there.map { "'\($0)'" }.joined(separator: ", ")
            throw NewProblem(
                "\(names) \(there.count == 1 ? "is" : "are") there already, and nothing is overwritten; "
                    + "choose another name or another folder")
        }
        for file in all { try Self.write(file.text, to: file.path) }
    }

    private static func write(_ text: String, to path: String) throws(NewProblem) {
        do {
            if let slash = path.lastIndex(of: "/") {
                try FileManager.default.createDirectory(
                    atPath: String(path[..<slash]), withIntermediateDirectories: true)
            }
            try Data(text.utf8).write(to: URL(filePath: path), options: .withoutOverwriting)
        } catch {
            throw NewProblem("'\(path)' can't be written; is the folder writable, and is there room?")
        }
    }
}
