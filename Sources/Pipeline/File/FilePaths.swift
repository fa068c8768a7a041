/// Paths of files, as texts alone.
enum FilePaths {
    /// A path relative to the folder of another file, without `.` and as few `..` as there can be, so that one file has
    /// one path.
    static func path(_ path: String, besides other: String) -> String {
        if path.hasPrefix("/") { return normalized(path) }
        guard let slash = other.lastIndex(of: "/") else { return normalized(path) }
        return normalized(other[...slash] + path)
    }

    private static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else {
                parts.append(part)
            }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}
