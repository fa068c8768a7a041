import Glibc
package import Pipeline

/// A file that the host reads, and where the pipeline file names it.
struct FilePath: SettingValue {
    let text: String
    let range: SourceRange

    static var settingType: SettingType { .named("path of a file", .string) }

    static func read(_ node: Node, with reader: inout SettingReader) -> FilePath? {
        guard let text = String.read(node, with: &reader) else { return nil }
        guard !text.isEmpty else {
            reader.diagnostics.error(.badValue, at: node.range, "\(reader.subject) must be a path, not empty")
            return nil
        }
        return FilePath(text: text, range: node.range)
    }

    var settingText: String? { text }

    /// The file's text.
    func contents() throws(FileProblem) -> String {
        guard access(text, R_OK) == 0 else { throw problem("can't be read: \(String(cString: strerror(errno)))") }
        switch SourceFile.load(path: text) {
        case .success(let file): return file.text
        case .failure(let failure) where failure.code == .notUTF8: throw problem("is no text file")
        case .failure(let failure): throw problem("can't be read: \(failure.message)")
        }
    }

    /// What is wrong with the file, in words that follow its name.
    func problem(_ text: String) -> FileProblem { FileProblem(description: "'\(self.text)' \(text)", range: range) }
}

/// A file that the host can't use.
package struct FileProblem: Error, CustomStringConvertible {
    /// What is wrong, and what to do.
    package let description: String
    /// Where the pipeline file names it.
    package let range: SourceRange
}
