/// A stage or resource that `new` writes for a host, with its test and a pipeline that uses it.
protocol NewPart {
    var name: PartName { get }

    /// What it is, such as `stage`.
    var noun: String { get }

    /// Its types, by the list of the host that they belong to.
    var lists: [(list: HostList, type: String)] { get }

    /// The text of its file.
    var source: String { get }

    /// The text of its test, in the package with that host.
    func test(in host: String) -> String

    /// The text of the pipeline file.
    var pipeline: String { get }
}

/// A list that a host declares.
enum HostList: String {
    case stages
    case resources

    /// The type of its elements.
    var element: String { self == .stages ? "Stage" : "Resource" }

    /// The list with one type in it, as the host declares it.
    func declaration(of type: String) -> String { "static let \(rawValue): [any \(element).Type] = [\(type).self]" }

    /// The text of a host with one more type in its list; `nil` where no list is found, nor a body to write one into.
    func adding(_ type: String, to text: String) -> String? {
        let list = "\(rawValue)\\s*:\\s*\\[\\s*any\\s+\(element)\\.Type\\s*\\]\\s*=\\s*\\[([^\\]]*)\\]"
        guard let pattern = try? Regex(list, as: (Substring, Substring).self) else { return nil }
        guard let match = text.firstMatch(of: pattern) else {
            guard self == .resources,
                let body = text.firstMatch(of: /@main[^{]*\bStagecoachHost\b[^{]*\{\n/)
            else { return nil }
            return text.replacing(body.output, with: "\(body.output)    \(declaration(of: type))\n")
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
