/// Keys as `openssl` writes them.
enum PEMFiles {
    static let rsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApSgZgbKTThXBlX3W6xdf
        +ZNBCZXVfZaX5nIX6DMAcVhO0vpsBOCZmFA4r92TH/WwXZncFsH4LPlxuoX8Zm1f
        vyMaBe+T2EiDGzv7e4z3iUdlwvMzi0Ekp43MEjJY5H0lRPVT9Hn1/yoKAiDzAmoR
        A2AGs54C7u9xoay+huFBTK5X9uoXYdfZ31/zZ3Pa9lKrROBkaRLyFIKL9iRWsjB/
        GQzs2yVA0i5XTiZ7KSWN7EIEKW+gX+B/jNVYCSSwgH2cQkBrDt16nDy6UcuN99UJ
        jd3WclQA5AfwvOJdWPpqBSCW3ksizIMzKuXMV1Rjig1zpXdbw7EX6xlkg/BZByjo
        yQIDAQAB
        -----END PUBLIC KEY-----
        """
    /// The same key in RSA's own form (RFC 8017).
    static let rsaInPKCS1 = """
        -----BEGIN RSA PUBLIC KEY-----
        MIIBCgKCAQEApSgZgbKTThXBlX3W6xdf+ZNBCZXVfZaX5nIX6DMAcVhO0vpsBOCZ
        mFA4r92TH/WwXZncFsH4LPlxuoX8Zm1fvyMaBe+T2EiDGzv7e4z3iUdlwvMzi0Ek
        p43MEjJY5H0lRPVT9Hn1/yoKAiDzAmoRA2AGs54C7u9xoay+huFBTK5X9uoXYdfZ
        31/zZ3Pa9lKrROBkaRLyFIKL9iRWsjB/GQzs2yVA0i5XTiZ7KSWN7EIEKW+gX+B/
        jNVYCSSwgH2cQkBrDt16nDy6UcuN99UJjd3WclQA5AfwvOJdWPpqBSCW3ksizIMz
        KuXMV1Rjig1zpXdbw7EX6xlkg/BZByjoyQIDAQAB
        -----END RSA PUBLIC KEY-----
        """
    /// A certificate of the same key.
    static let rsaCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIDAzCCAeugAwIBAgIUXcP6zqYDAxVybs47dvnF89lSxMEwDQYJKoZIhvcNAQEL
        BQAwETEPMA0GA1UEAwwGaXNzdWVyMB4XDTI2MTEyOTE2Mjc0OFoXDTM2MTEyNjE2
        Mjc0OFowETEPMA0GA1UEAwwGaXNzdWVyMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A
        MIIBCgKCAQEApSgZgbKTThXBlX3W6xdf+ZNBCZXVfZaX5nIX6DMAcVhO0vpsBOCZ
        mFA4r92TH/WwXZncFsH4LPlxuoX8Zm1fvyMaBe+T2EiDGzv7e4z3iUdlwvMzi0Ek
        p43MEjJY5H0lRPVT9Hn1/yoKAiDzAmoRA2AGs54C7u9xoay+huFBTK5X9uoXYdfZ
        31/zZ3Pa9lKrROBkaRLyFIKL9iRWsjB/GQzs2yVA0i5XTiZ7KSWN7EIEKW+gX+B/
        jNVYCSSwgH2cQkBrDt16nDy6UcuN99UJjd3WclQA5AfwvOJdWPpqBSCW3ksizIMz
        KuXMV1Rjig1zpXdbw7EX6xlkg/BZByjoyQIDAQABo1MwUTAdBgNVHQ4EFgQUfV1/
        Y/xSKeo0kqtjiYOegaU/mkIwHwYDVR0jBBgwFoAUfV1/Y/xSKeo0kqtjiYOegaU/
        mkIwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEABChhrmzD2TG2
        DcvTsNgzZUplBFNfJ+ysN7EdzcjtRXqZmTSpg1j277TaFY5rgdsHmz0YPjTCqDxA
        O5M/MMTvIv139J3qOpg0oQM+XKF5wGV5xFJRsltvacos8998gPvfzLNzjmPCr1dl
        hLTtVPgJxrazC3cfhJ7bMZRVHt6uQXD6nGhup5k+8K3/ndoIRHVqBrvEyUUCJrmF
        1x8d+u2Gq/Nob6+N7H+sidH66Xzkh8dDLJUIRM1ioQ9WcE7P3FZCMSv10Ys2XSSL
        sCg3uQyhizr/6PAeJlMyKOc+6kBTSu95G5SFO0xj86C0cCtvKANpzbTs9xx4qMOE
        kqw7ucDy7w==
        -----END CERTIFICATE-----
        """
    /// RSA of 1024 bits.
    static let shortRSA = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLJukpiI3FNIN1ZetOYttGJVhE
        aAwDsAm6Z05YdHcUulDBNUFsxLXQh/EF1sbdd9WTInRztArDkIRaB79wqlvWZFfJ
        Iy77bZQVW0ppazgN2ejCHFx+kPT1i9twP6fDWeEH9eZjwZ7nmoi6iJ3hXUEfBmSJ
        OJVDqTbMffaHOVbAqwIDAQAB
        -----END PUBLIC KEY-----
        """
    /// RSA that is for RSASSA-PSS alone.
    static let rsaForPSS = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBALhRhQHhJUgABMper00VMn7w
        xQfdsvF0FVeZzIVQbJ4y5JaMaZKuY00JIhQVNMWUmJZPjed1tPtOMNp97rTKskJG
        CYwVqBMTjURlENRg1ycdxQU1rpFewr7BPIo4VQkIRSDpuoPt35qCVB+j8H6tyNCW
        wr8K1ZqFnzc+TmcJWewTMevJfzTNK4FpZdt8vjOCHbcy0SHxuCUooUuVo3EYjbuM
        36kix3iIV1C47DhrMa2o449hiOxjke+q9zqsdT1jGH09mZwUnxejTNZiz+AWUNId
        0vJXufEJNhsZ9KPuOptKeiEPrShbE/vcfXlch8y1qiG8DyJz+2XI3frJWMO376UC
        AwEAAQ==
        -----END PUBLIC KEY-----
        """
    static let p256 = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqM+yKsizbdvHZtaBjxzqksUllLj+
        sYF+2i5kAFoo2sH3RJaubBNVIrT9MYbc46gYdUDHJg89UHKooxos+bZ5Rw==
        -----END PUBLIC KEY-----
        """
    /// The same key, of whose y coordinate only the sign is there.
    static let p256Compressed = """
        -----BEGIN PUBLIC KEY-----
        MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADqM+yKsizbdvHZtaBjxzqksUllLj+
        sYF+2i5kAFoo2sE=
        -----END PUBLIC KEY-----
        """
    /// The same key, whose curve is given by its numbers and not by its name.
    static let p256ByNumbers = """
        -----BEGIN PUBLIC KEY-----
        MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
        AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
        ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
        NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
        RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
        //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABKjPsirIs23bx2bWgY8c6pLF
        JZS4/rGBftouZABaKNrB90SWrmwTVSK0/TGG3OOoGHVAxyYPPVByqKMaLPm2eUc=
        -----END PUBLIC KEY-----
        """
    /// A certificate of the same key, which has expired.
    static let p256Certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBCTCBsAIBATAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZpc3N1ZXIwHhcNMjAw
        MTAxMDAwMDAwWhcNMjAwMTAyMDAwMDAwWjARMQ8wDQYDVQQDDAZpc3N1ZXIwWTAT
        BgcqhkjOPQIBBggqhkjOPQMBBwNCAASoz7IqyLNt28dm1oGPHOqSxSWUuP6xgX7a
        LmQAWijawfdElq5sE1UitP0xhtzjqBh1QMcmDz1QcqijGiz5tnlHMAoGCCqGSM49
        BAMCA0gAMEUCIQCqfFOQZ1f6yF6Zu188lY9yarYzycrb32O/Nbn0jiRf6wIgNASw
        Xv6dMaHv77ajq1H7bQdxIIs6V8tUTtQA13/xlD0=
        -----END CERTIFICATE-----
        """
    static let p384 = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEDo3NEFmdnu5EEiKsSqMWTstxMHx8tcge
        t4M1EhBFjJ4n8yTeVd9UoK/8B1WfOXpPANHGLWsvOoKklS64JD9rTa/+Ym3JA1Eb
        4Qs8gmZIuETlEC1zi3VKbiGMvlcyKDFy
        -----END PUBLIC KEY-----
        """
    static let p521 = """
        -----BEGIN PUBLIC KEY-----
        MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAWpAzCxLTq9/W3WQF5x2TyfuMvqRB
        fzXxFFqW76S0m4Wb8yaURnSML83wdteVGA5GwbILhyCK6ECi+Y/kP1cCptoAFABV
        M5jxJs+nDbJs9oK/+PQ/ehKs/vJko/GkNRbPtFfoe6c+/p4qg6K8fF84QYjepeMt
        ROPi3lGTbNJeIK9wHUI=
        -----END PUBLIC KEY-----
        """
    static let secp256k1 = """
        -----BEGIN PUBLIC KEY-----
        MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEKpSNrB5rf4Q9nl/gdCtgwHIAqGFbTIqc
        BWVMhS+Bgxm38aInoftEFZ52RVKqQIMsHHEMhxJd1BGgRPNPto/eiA==
        -----END PUBLIC KEY-----
        """
    static let ed25519 = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAwz+qTusCxFC6UaM5OyUlI7oH6iSfsVJvmBV9GSTn/Xs=
        -----END PUBLIC KEY-----
        """
    static let ed448 = """
        -----BEGIN PUBLIC KEY-----
        MEMwBQYDK2VxAzoAKkJIOrXCeJGk3OijmW1e5jL3HcwcKovZOFuGVLaL1NlSNluE
        RUv0mK/vJ+3Basi1r4u50A0UQ1IA
        -----END PUBLIC KEY-----
        """
    static let x25519 = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VuAyEAZ/M+w2u/OKhK9GOlsQiiCwQi3TighLNNS33R3LvCiXo=
        -----END PUBLIC KEY-----
        """
}
