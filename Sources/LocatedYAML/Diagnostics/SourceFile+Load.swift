#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension SourceFile {
    /// How large a file may be where nothing else is said: 1 MiB. The largest pipelines have some kilobytes.
    public static let sizeLimit = 1 << 20

    /// Reads a file whole.
    ///
    /// - Parameters:
    ///   - path: Where it is.
    ///   - limit: The most bytes it may have; of a larger file, or of a device without an end, no more are read.
    /// - Returns: The file, or what is wrong with it: missing, a directory, not to be read, too large, or not UTF-8.
    public static func load(path: String, limit: Int = sizeLimit) -> Result<SourceFile, Diagnostic> {
        readBytes(path: path, limit: limit).flatMap { decode($0, path: path) }
    }

    private static func decode(_ bytes: [UInt8], path: String) -> Result<SourceFile, Diagnostic> {
        func failure(_ message: String, at place: SourceLocation) -> Result<SourceFile, Diagnostic> {
            let range = SourceRange(at: place)
            return .failure(
                Diagnostic(severity: .error, code: .notUTF8, message: message, path: path, range: range))
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return failure("the file is UTF-16; save it as UTF-8", at: .start)
        }
        if let text = String(validating: bytes, as: UTF8.self) { return .success(SourceFile(path: path, text: text)) }
        let good = validPrefix(of: bytes)
        let before = SourceFile(path: path, text: String(decoding: bytes[..<good], as: UTF8.self))
        let byte = String(bytes[good], radix: 16, uppercase: true)
        return failure(
            "the file is not UTF-8: the byte 0x\(byte) is part of no character; save it as UTF-8",
            at: before.index.location(ofPosition: before.index.count))
    }

    /// How many bytes there are before the first one that is not UTF-8.
    private static func validPrefix(of bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var rest = bytes.makeIterator()
        var offset = 0
        while case .scalarValue(let scalar) = decoder.decode(&rest) { offset += UTF8.width(scalar) }
        return min(offset, bytes.count - 1)
    }

    private static func readBytes(path: String, limit: Int) -> Result<[UInt8], Diagnostic> {
        func failure(_ message: String, _ code: DiagnosticCode = .fileUnreadable) -> Result<[UInt8], Diagnostic> {
            .failure(Diagnostic(severity: .error, code: code, message: message, path: path))
        }
        guard !path.utf8.contains(0) else { return failure("the path holds a NUL character") }
        // A pipe without a writer is opened at once then, and not when one comes.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return failure(reason(errno)) }
        defer { close(descriptor) }
        var status = stat()
        let isPipe = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= limit {
            let count = read(descriptor, &chunk, min(chunk.count, limit + 1 - bytes.count))
            if count == 0 {
                if isPipe, bytes.isEmpty { return failure("it is a pipe that nobody writes to") }
                return .success(bytes)
            }
            if count > 0 {
                bytes += chunk[..<count]
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&waiting, 1, patience) != 0 else { return failure("nothing comes from it") }
            } else if errno != EINTR {
                return failure(reason(errno))
            }
        }
        return failure("the file is larger than \(limit) bytes, the most that is read", .yamlTooLarge)
    }

    /// For how long a pipe or a terminal may say nothing, in milliseconds.
    private static let patience: Int32 = 2_000

    private static func reason(_ number: Int32) -> String {
        switch number {
        case ENOENT, ENOTDIR: "no such file"
        case EISDIR: "this is a directory, not a file"
        case EACCES, EPERM: "no permission to read the file"
        default: "the file can't be read: \(String(cString: strerror(number)))"
        }
    }
}
