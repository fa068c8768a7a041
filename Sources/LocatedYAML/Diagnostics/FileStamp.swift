#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Which file stands at a path and when it was changed, to see whether that is another than before. Of a link the file counts
/// that it leads to.
///
/// Who copies a file may keep its old time (`rsync -t`, `cp -p`, archives); the time of its status can't be set. It shows
/// as well that a file may be read now which could not be.
package struct FileStamp: Equatable, Sendable {
    private let device: UInt
    private let file: UInt
    private let size: Int
    private let seconds: Int
    private let nanoseconds: Int
    private let statusSeconds: Int
    private let statusNanoseconds: Int

    /// `nil` where there is no file.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt(status.st_dev)
        file = UInt(status.st_ino)
        size = Int(status.st_size)
        #if canImport(Darwin)
            (seconds, nanoseconds) = (status.st_mtimespec.tv_sec, status.st_mtimespec.tv_nsec)
            (statusSeconds, statusNanoseconds) = (status.st_ctimespec.tv_sec, status.st_ctimespec.tv_nsec)
        #else
            (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
            (statusSeconds, statusNanoseconds) = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
        #endif
    }
}
