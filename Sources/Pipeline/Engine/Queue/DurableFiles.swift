import Glibc

/// Files and folders that are there again after the loss of power: a name is on disk only once the folder that holds it
/// has been synced.
package enum DurableFiles {
    /// Makes a folder and those above it, where they are missing. They are for the host's own user alone (0700), and each is
    /// synced in the one above it. Folders that are there stay as they are.
    package static func makeFolder(_ path: String) throws(FileProblem) {
        if isFolder(path) { return }
        let parent = folder(of: path)
        if parent != path { try makeFolder(parent) }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST && isFolder(path) else {
            throw FileProblem("the folder '\(path)' can't be made", errno == EEXIST ? ENOTDIR : errno)
        }
        try syncFolder(of: path)
    }

    /// Makes an empty file for the host's own user alone (0600), where there is none.
    package static func makeFile(_ path: String) throws(FileProblem) {
        // A file that is there is not opened: closing it would end the locks that SQLite holds on it in this process
        // (fcntl(2)), and another program could then take its -wal away.
        let file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            if errno == EEXIST { return }
            throw FileProblem("the file '\(path)' can't be made", errno)
        }
        close(file)
    }

    /// Everything that a file holds.
    package static func bytes(of path: String) throws(FileProblem) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw FileProblem("'\(path)' can't be read", errno) }
        defer { close(file) }
        var bytes: [UInt8] = []
        while true {
            let (part, problem) = nextPart(of: file)
            if problem != 0 { throw FileProblem("'\(path)' can't be read", problem) }
            if part.isEmpty { return bytes }
            bytes += part
        }
    }

    private static func nextPart(of file: Int32) -> (bytes: [UInt8], problem: Int32) {
        var problem: Int32 = 0
        let part = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            var length = -1
            repeat { length = Glibc.read(file, buffer.baseAddress, buffer.count) } while length < 0 && errno == EINTR
            if length < 0 { problem = errno }
            count = max(0, length)
        }
        return (part, problem)
    }

    /// Waits until the name of a file or folder is on disk.
    package static func syncFolder(of path: String) throws(FileProblem) {
        let name = folder(of: path)
        let folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // A folder that may be written to and not read can't be synced, nor can any on some network file systems.
        guard folder >= 0 else {
            if errno == EACCES { return }
            throw FileProblem("the folder '\(name)' can't be synced", errno)
        }
        defer { close(folder) }
        guard fsync(folder) == 0 || errno == EINVAL || errno == ENOTSUP else {
            throw FileProblem("the folder '\(name)' can't be synced", errno)
        }
    }

    /// The folder that holds a file or folder: `.` for a bare name.
    package static func folder(of path: String) -> String {
        let whole = path.utf8.reversed().drop { $0 == UInt8(ascii: "/") }
        let above = whole.drop { $0 != UInt8(ascii: "/") }
        guard !above.isEmpty else { return path.utf8.first == UInt8(ascii: "/") ? "/" : "." }
        let name = above.drop { $0 == UInt8(ascii: "/") }
        return name.isEmpty ? "/" : String(decoding: name.reversed(), as: UTF8.self)
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// Why something can't be done with a file: what, and the system's own words.
package struct FileProblem: Error, CustomStringConvertible {
    package let description: String

    /// - Parameter number: `errno`.
    package init(_ what: String, _ number: Int32) {
        description = "\(what): \(String(cString: strerror(number)))"
    }
}
