/// A resource that can do nothing without a key or an address, which most often come from a variable.
package protocol KeyedResource: Resource {
    /// The settings that are empty, and what comes of that, as the end of a sentence.
    var emptySecrets: [(setting: String, consequence: String)] { get }

    /// What is wrong with an address that can never be reached, in a sentence without its text; `nil` where nothing is.
    var wrongAddress: String? { get }
}

extension KeyedResource {
    package var wrongAddress: String? { nil }
}

/// A key that is empty.
package struct EmptySecret {
    /// The resource's name.
    package let resource: String
    /// The setting's.
    package let setting: String
    /// What comes of it, as the end of a sentence.
    package let consequence: String
    private let source: Node?

    init(resource: String, setting: String, consequence: String, source: Node?) {
        (self.resource, self.setting, self.consequence, self.source) = (resource, setting, consequence, source)
    }

    private var value: Node? { source?.entries?.first?.value[setting] }

    /// The variables that it is made of.
    package var variables: [String] { value?.variableNames.sorted() ?? [] }

    /// Where it stands in a file: its variable, or else the resource's type; `nil` where the resource stands in another file.
    package func place(in file: SourceFile) -> SourceRange? {
        guard let source else { return nil }
        if let value {
            let text = file[bytes: file.bytes(of: value.range)]
            guard let written = value.scalar?.written, text.contains(written) else { return nil }
            guard let start = text.firstRange(of: "${") else { return value.range }
            let column = value.range.start.column + text[..<start.lowerBound].unicodeScalars.count
            let length = text[start.lowerBound...].prefix { $0 != "}" }.unicodeScalars.count + 1
            return SourceRange(
                at: SourceLocation(line: value.range.start.line, column: column), length: length)
        }
        let type = source.entries?.first?.key ?? source
        return file[bytes: file.bytes(of: type.range)] == type.scalar?.written ?? "" ? type.range : nil
    }
}
