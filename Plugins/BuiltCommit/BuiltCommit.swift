import Foundation
import PackagePlugin

/// Writes down which commit is built, before each build, so that `--version` can say it. The file changes only when the
/// commit does, so that nothing else is built again.
@main struct BuiltCommit: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) -> [Command] {
        let folder = context.pluginWorkDirectoryURL
        return [
            .prebuildCommand(
                displayName: "Looking which commit is built", executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: ["-c", script, "sh", context.package.directoryURL.path, folder.path],
                outputFilesDirectory: folder)
        ]
    }

    /// Sources within another project's repository, or in none, have no commit.
    private var script: String {
        #"""
        commit=unknown
        if [ "$(git -C "$1" rev-parse --show-toplevel 2>/dev/null)" = "$(cd "$1" && pwd -P)" ]; then
            commit="$(git -C "$1" describe --always --abbrev=12 --match= --dirty 2>/dev/null || echo unknown)"
        fi
        file="$2/CommitOfBuild.swift"
        text="/// The commit that was built.
        let commitOfBuild = \"$commit\""
        [ -e "$file" ] && [ "$(cat "$file")" = "$text" ] || printf '%s\n' "$text" >"$file"
        """#
    }
}
