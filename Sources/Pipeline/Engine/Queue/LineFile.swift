import Glibc

/// A file of lines that several processes append to. A line is in it whole, and on disk, or not at all.
package struct LineFile: Sendable {
    /// Where it is.
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// Appends lines, each with its end, and waits until they are on disk. The file is made with its folders where there is
    /// none.
    ///
    /// - Throws: Where they can't be written; then none of them is there.
    package func append(_ lines: [UInt8]) throws(FileProblem) {
        try DurableFiles.makeFolder(DurableFiles.folder(of: path))
        let locked = try lock(makes: true)
        defer { locked.unlock() }
        try locked.append(lines)
    }

    /// Moves the file, so that who appends from now on begins another one, and waits until that is on disk.
    ///
    /// - Throws: Where there is none, it can't be moved, or there is another file.
    package func move(to other: String) throws(FileProblem) {
        // Who is about to append has the lock, and looks again whether the file is still there once it has it.
        let locked = try lock()
        defer { locked.unlock() }
        guard access(other, F_OK) != 0 else { throw FileProblem("'\(other)'", EEXIST) }
        guard rename(path, other) == 0 else { throw problem() }
        try DurableFiles.syncFolder(of: other)
    }

    /// Takes the file for this process, until it is released.
    ///
    /// - Parameters:
    ///   - makes: Whether it is made where there is none.
    ///   - waits: Whether to wait for another process that has it.
    /// - Throws: Where it can't be opened, or another process has it.
    package func lock(makes: Bool = false, waits: Bool = true) throws(FileProblem) -> LockedLineFile {
        while true {
            let file = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | (makes ? O_CREAT : 0), 0o600)
            guard file >= 0 else { throw problem() }
            let locked = LockedLineFile(path: path, file: file)
            // Some network file systems have no locks: then lines are only as safe as one write is.
            while flock(file, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
                if errno == EWOULDBLOCK {
                    locked.unlock()
                    throw FileProblem("'\(path)' is used by another process", EWOULDBLOCK)
                }
                guard errno == EINTR else { break }
            }
            var (opened, named) = (stat(), stat())
            if fstat(file, &opened) == 0, stat(path, &named) == 0,
                (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
            {
                return locked
            }
            // Moved away or removed in between.
            locked.unlock()
        }
    }

    private func problem() -> FileProblem { FileProblem("'\(path)'", errno) }
}

/// A file of lines that no other process appends to meanwhile.
package struct LockedLineFile {
    let path: String
    let file: Int32

    /// Appends lines, each with its end, and waits until they are on disk.
    ///
    /// - Throws: Where they can't be written; then none of them is there.
    package func append(_ lines: [UInt8]) throws(FileProblem) {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw problem() }
        // What is no file, such as /dev/null, has no end, and nothing to sync.
        guard status.st_mode & S_IFMT == S_IFREG else { return try write(lines) }
        let end = status.st_size
        do throws(FileProblem) {
            try write(endsInsideLine(end) ? [UInt8(ascii: "\n")] + lines : lines)
            guard fsync(file) == 0 else { throw problem() }
            if end == 0 { try DurableFiles.syncFolder(of: path) }
        } catch {
            // A part of a line would spoil the next one.
            ftruncate(file, end)
            throw error
        }
    }

    /// Removes the file, and waits until that is on disk.
    package func remove() throws(FileProblem) {
        guard unlink(path) == 0 else { throw problem() }
        try DurableFiles.syncFolder(of: path)
    }

    /// Lets others have it.
    package func unlock() {
        close(file)
    }

    private func endsInsideLine(_ end: off_t) -> Bool {
        guard end > 0 else { return false }
        var last = UInt8(ascii: "\n")
        return pread(file, &last, 1, end - 1) == 1 && last != UInt8(ascii: "\n")
    }

    private func write(_ bytes: [UInt8]) throws(FileProblem) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw problem() }
            written += count
        }
    }

    private func problem() -> FileProblem { FileProblem("'\(path)'", errno) }
}
