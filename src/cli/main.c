/* The `bentoml` binary. */
int main(void)
{
    return 0;
}
