using System;
using System.IO;
using System.Net;

/// <summary>One handshake of .NET's HttpWebRequest: HOST PORT.</summary>
public static class Hello
{
    public static int Main(string[] words)
    {
        try
        {
            WebRequest.Create("https://" + words[0] + ":" + words[1] + "/").GetResponse().Dispose();
        }
        catch (WebException error)
        {
            Console.Error.WriteLine(error);
        }
        return 0;
    }
}
