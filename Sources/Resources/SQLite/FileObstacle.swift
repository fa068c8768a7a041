import GRDB
import Glibc
import Pipeline

/// What keeps this process from using an SQLite file that is as it should be, with what to do. SQLite says "unable to open
/// database file" or "disk I/O error" of all of it.
struct FileObstacle: CustomStringConvertible {
    let description: String

    /// Below this SQLite can't make the files beside its database.
    private static let neededBytes = 128 << 10

    /// Looks at the file, at those that SQLite has beside it, and at the folder.
    ///
    /// - Returns: `nil` where nothing is in the way.
    init?(at path: String) {
        var folder = DurableFiles.folder(of: path)
        while folder != "/", folder != ".", access(folder, F_OK) != 0 { folder = DurableFiles.folder(of: folder) }
        let names = ["", "-wal", "-shm", ".lock"].map { path + $0 }.filter { access($0, F_OK) == 0 }
        if let refusal = ([folder] + names).lazy.compactMap(FileObstacle.refusal).first {
            description = refusal
        } else if FileObstacle.isFull(folder) {
            description = "there is no room left on the disk of '\(FileObstacle.whole(folder))'; make room"
        } else if access(path, F_OK) != 0 {
            description =
                "there is no file '\(FileObstacle.whole(path))'; a relative path starts in the folder where the command "
                + "runs"
        } else {
            return nil
        }
    }

    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// A path as whoever looks from another folder must write it.
    static func whole(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return path == "." ? String(cString: folder) : "\(String(cString: folder))/\(path)"
    }

    /// Why one file or folder can't be written to; `nil` where it can.
    private static func refusal(of path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        guard access(path, isFolder ? W_OK | X_OK : R_OK | W_OK) != 0 else { return nil }
        let shown = whole(path)
        switch errno {
        case EROFS:
            return "'\(shown)' is on a file system that this process may only read; a unit of systemd lets it write "
                + "elsewhere with ReadWritePaths="
        case EACCES where isFolder && status.st_uid != geteuid():
            let (owner, user) = (name(of: status.st_uid), name(of: geteuid()))
            return "no permission to write to '\(shown)': it belongs to \(owner), and this process runs as \(user); "
                + "\(user) needs a folder of its own"
        case EACCES where status.st_uid == geteuid():
            return "no permission to write '\(shown)': its mode is \(String(status.st_mode & 0o777, radix: 8)); "
                + "'chmod u+rw\(isFolder ? "x" : "")' gives it"
        case EACCES:
            let user = name(of: geteuid())
            return "no permission to write '\(shown)': it belongs to \(name(of: status.st_uid)), and this process runs "
                + "as \(user); 'chown \(user)' gives it back"
        default: return nil
        }
    }

    private static func isFull(_ folder: String) -> Bool {
        var system = statvfs()
        guard statvfs(folder, &system) == 0, system.f_blocks > 0 else { return false }
        return system.f_bavail < UInt(neededBytes) / max(1, UInt(system.f_frsize)) + 1
            || system.f_files > 0 && system.f_favail == 0
    }

    private static func name(of user: uid_t) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4_096) { buffer in
            guard let text = buffer.baseAddress,
                getpwuid_r(user, &entry, text, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
            else { return "user \(user)" }
            return String(cString: name)
        }
    }
}

extension DatabaseError {
    /// Why SQLite refuses, in its own words, and what is in the way where something is.
    func reason(at path: String?) -> String {
        let reason = message ?? "\(self)"
        switch resultCode {
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_IOERR, .SQLITE_FULL, .SQLITE_PERM:
            return path.flatMap(FileObstacle.init(at:)).map { "\(reason); \($0)" } ?? reason
        default: return reason
        }
    }
}
