import CFuzzer
import FuzzTargets
import Glibc

/// libFuzzer, on the target that the environment names: `FUZZ_TARGET=frames fuzz CORPUS -max_total_time=60`.
@main
struct Fuzz {
    static let target = getenv("FUZZ_TARGET").flatMap { FuzzTarget(rawValue: String(cString: $0)) }

    static func main() {
        guard target != nil else {
            print("FUZZ_TARGET must be one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
            exit(2)
        }
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { start, count in
                Fuzz.target?.run(Array(UnsafeBufferPointer(start: start, count: count)))
                return 0
            })
    }
}
