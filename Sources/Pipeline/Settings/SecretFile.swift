import Glibc

/// A file that holds one secret and nothing else, as Docker and Kubernetes mount them.
enum SecretFile {
    /// How large it may be: 64 KiB. Keys and certificates have some kilobytes.
    static let sizeLimit = 64 << 10

    /// Why a file can't be taken, in words that follow its name.
    struct Problem: Error {
        let text: String
    }

    /// Its text without the last line end, which editors and shells add.
    static func read(_ path: String) throws(Problem) -> String {
        if path.utf8.contains(0) { throw Problem(text: "has a NUL character in its name") }
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw Problem(text: "can't be read: \(String(cString: strerror(errno)))")
        }
        // A pipe gives its text once, and not again at a reload.
        guard status.st_mode & S_IFMT == S_IFREG else { throw Problem(text: "is no regular file") }
        switch SourceFile.load(path: path, limit: sizeLimit) {
        case .failure(let failure): throw Problem(text: "can't be used: \(failure.message)")
        case .success(let file):
            let text = file.text.droppingLastLineEnd
            if text.isEmpty { throw Problem(text: "is empty") }
            return text
        }
    }
}

extension String {
    fileprivate var droppingLastLineEnd: String { last?.isLineEnd == true ? String(dropLast()) : self }

    var droppingLineEnds: String {
        var text = self
        while text.last?.isLineEnd == true { text.removeLast() }
        return text
    }
}

extension Character {
    /// `\n`, `\r`, or both.
    fileprivate var isLineEnd: Bool { self == "\n" || self == "\r" || self == "\r\n" }
}

/// The secrets that a pipeline file keeps in files of their own, by path.
struct SecretFiles: Sendable {
    /// As they were read before, for those that can't be read now.
    var former: [String: String] = [:]
    private(set) var texts: [String: String] = [:]

    /// The text of a file; reports why it can't be had.
    mutating func text(of path: Node, for subject: String, into diagnostics: inout Diagnostics) -> String? {
        guard let scalar = path.scalar, !scalar.text.isEmpty else {
            diagnostics.error(.wrongType, at: path.range, "'file' of \(subject) must be a path")
            return nil
        }
        // A variable's value is never shown: it may be the secret itself, by mistake.
        let file = "\(subject): the file '\(scalar.written)'"
        let text: String
        do throws(SecretFile.Problem) {
            text = try SecretFile.read(scalar.text)
        } catch {
            guard let before = former[scalar.text] else {
                diagnostics.error(.fileUnreadable, at: path.range, "\(file) \(error.text)")
                return nil
            }
            diagnostics.warning(.fileUnreadable, at: path.range, "\(file) \(error.text); what it held before stays")
            text = before
        }
        texts[scalar.text] = text
        return text
    }
}

extension Node {
    /// With the texts of files in the places where they are named, so that two trees differ where a secret has changed.
    func filled(with secrets: SecretFiles) -> Node {
        if secrets.texts.isEmpty { return self }
        switch content {
        case .scalar: return self
        case .sequence(let elements):
            return Node(content: .sequence(elements.map { $0.filled(with: secrets) }), range: range)
        case .mapping(let entries):
            if let text = secretFile?.scalar.flatMap({ secrets.texts[$0.text] }) {
                return Node(content: .scalar(Scalar(text, written: "", isInterpolated: true)), range: range)
            }
            let filled = entries.map { Entry(key: $0.key, value: $0.value.filled(with: secrets)) }
            return Node(content: .mapping(filled), range: range)
        }
    }

    /// The path of `{file: PATH}`.
    package var secretFile: Node? {
        guard let entries, entries.count == 1, entries[0].name == "file" else { return nil }
        return entries[0].value
    }
}
