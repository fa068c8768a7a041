import HTTPClient
import Resources

/// Which Stagecoach this is: for `--version`, the log and `stagecoach_build_info`.
struct ProgramVersion {
    /// The version stands here alone; `CHANGELOG.md` has a heading for it.
    static let number = "0.1.0"

    /// The commit that was built, or `unknown`.
    let commit: String

    /// What `--version` prints.
    var text: String { "stagecoach \(Self.number) (commit \(commit))" }

    /// What `--version --verbose` prints: the libraries too that it runs with.
    var verboseText: String {
        ([text, "Swift \(Self.compiler)", HTTPClient.libraryVersion] + LibraryVersions.all).joined(separator: "\n")
    }

    private static var compiler: String {
        #if compiler(>=6.4)
            "6.4 or later"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
