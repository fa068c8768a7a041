import Foundation

extension Duration {
    /// So long on a machine that has other things to do as well, and `PATIENCE` times as long where a sanitizer slows the
    /// program down.
    package static func patience(_ usual: Duration) -> Duration { usual * factor }

    private static let factor = ProcessInfo.processInfo.environment["PATIENCE"].flatMap { Int($0) } ?? 1
}
